/** The worker's lane from outside: filled through the producer, and looked at until it is empty. */
import * as Topics from "@tributary/domain/row/Topics"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import * as Normalize from "@tributary/pipeline/capture/Normalize"
import * as Route from "@tributary/pipeline/capture/Route"
import * as CaptureSettings from "@tributary/pipeline/capture/Settings"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import { Producer } from "@tributary/pipeline/service/Producer"
import * as Effect from "effect/Effect"
import { type ClientEvent, token } from "../Events.ts"
import * as Mix from "./Mix.ts"

export const group = "events-ingestion-consumer"

const sliceEvents = 2_000

/** What capture makes of events that it gets at that time. */
const messages = (events: ReadonlyArray<ClientEvent>, at: number): ReadonlyArray<LogMessage> => {
  const batch = Normalize.batchOf({ api_key: token, batch: events }, { path: "/batch", querySentAt: undefined })
  if (!("events" in batch)) throw batch
  const origin: Normalize.Origin = {
    now: at,
    nowText: new Date(at).toISOString(),
    token,
    ip: "203.0.113.7",
    sentAt: undefined,
    historicalMigration: false,
    historicalUntil: Number.NEGATIVE_INFINITY
  }
  const shared = Route.share(origin)
  return batch.events.map((sent, index) => {
    const event = Normalize.eventOf(sent, index, origin, () => new Uint8Array(10))
    if (!("uuid" in event)) throw event
    return Route.messageOf(event, Route.unrestricted, CaptureSettings.defaults.topics, shared)
  })
}

/** Appends the events of a mix. */
export const fill = Effect.fnUntraced(function* (wanted: Mix.Wanted) {
  const producer = yield* Producer
  let slice: Array<ClientEvent> = []
  for (const event of Mix.events(wanted)) {
    slice.push(event)
    if (slice.length < sliceEvents) continue
    yield* producer.send(messages(slice, wanted.at))
    slice = []
  }
  if (slice.length > 0) yield* producer.send(messages(slice, wanted.at))
})

const lag = `
SELECT coalesce(sum(h.next - coalesce(o.off, 0)), 0)::int AS lag FROM tributary_log_head h
LEFT JOIN tributary_log_offset o ON o.grp = $1 AND o.topic = h.topic AND o.part = h.part WHERE h.topic = $2`

/** Waits until the group has committed everything. */
export const drained = Effect.gen(function* () {
  const sql = yield* LogDatabase
  while (true) {
    const [row] = yield* sql.unsafe<{ readonly lag: number }>(lag, [group, Topics.events])
    if (row?.lag === 0) return
    yield* Effect.sleep("50 millis")
  }
})

/** Deletes all messages; topics keep their offsets. Nobody may be reading. */
export const empty = Effect.gen(function* () {
  const sql = yield* LogDatabase
  yield* sql.unsafe("TRUNCATE tributary_log_msg")
})
