/** The worker's lane from outside: filled through the producer, and waited for until its workers have emptied it. */
import * as Normalize from "@tributary/pipeline/capture/Normalize"
import * as Route from "@tributary/pipeline/capture/Route"
import * as CaptureSettings from "@tributary/pipeline/capture/Settings"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import { Producer } from "@tributary/pipeline/service/Producer"
import * as Effect from "effect/Effect"
import { type ClientEvent, token } from "../Events.ts"
import type * as Child from "../process/Child.ts"
import * as Mix from "./Mix.ts"
import type { WorkerQuestions } from "./worker.ts"

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

/** Messages for a topic, in slices that a worker's batches might send. */
export const slices = (wanted: Mix.Wanted, topic: string): ReadonlyArray<ReadonlyArray<LogMessage>> => {
  const all: Array<ReadonlyArray<LogMessage>> = []
  let slice: Array<ClientEvent> = []
  const push = () => {
    all.push(messages(slice, wanted.at).map((message) => ({ ...message, topic })))
    slice = []
  }
  for (const event of Mix.events(wanted)) {
    slice.push(event)
    if (slice.length === sliceEvents) push()
  }
  if (slice.length > 0) push()
  return all
}

/** Appends slices, one after the other. */
export const fill = Effect.fnUntraced(function* (slices: ReadonlyArray<ReadonlyArray<LogMessage>>) {
  const producer = yield* Producer
  for (const slice of slices) yield* producer.send(slice)
})

export type Worker = Child.Child<WorkerQuestions, null>

/** Messages that these workers have committed so far, all together. */
export const committed = (workers: ReadonlyArray<Worker>) =>
  Effect.map(
    Effect.forEach(workers, (worker) => worker.ask("standing")),
    (all) => all.reduce((sum, standing) => sum + standing.committed, 0)
  )

/** Waits until they have committed so many. */
export const drained = (workers: ReadonlyArray<Worker>, until: number) =>
  Effect.repeat(Effect.delay(committed(workers), "50 millis"), { until: (count) => count >= until })
