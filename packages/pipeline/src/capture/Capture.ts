/**
 * Capture: what becomes of one request on the v0 protocol (spec capture 2 to 4).
 *
 *   bytes ─► Decode ─► JSON ─► Normalize ─► events ─► Check ─► token ─► Route ─► messages ─► Producer ─► 200
 *
 * All of a request's events are read and checked before the first is handed to the log, and 200 means that the log has
 * acknowledged every one. Whatever is sent is answered; nothing here fails. Up to the produce everything is plain
 * functions: only the look-up of a token that is not cached, and the produce itself, wait.
 */
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { LogMessage } from "../service/LogMessage.ts"
import { Producer, type ProducerError, type Rejection } from "../service/Producer.ts"
import type { ProjectStore } from "../service/ProjectStore.ts"
import * as CaptureMetrics from "./CaptureMetrics.ts"
import * as Check from "./Check.ts"
import * as Decode from "./Decode.ts"
import * as Form from "./Form.ts"
import * as Normalize from "./Normalize.ts"
import { RandomBytes } from "./RandomBytes.ts"
import * as Reply from "./Reply.ts"
import { Refusal } from "./Reply.ts"
import * as Route from "./Route.ts"
import type { Settings } from "./Settings.ts"
import * as UnknownTokens from "./UnknownTokens.ts"

export interface CaptureRequest {
  /** Without query and trailing slash, such as `/i/v0/e`. */
  readonly path: string
  /** Without its question mark; as it came, one byte a unit. */
  readonly query: string
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** The client's address (spec capture 2.8). */
  readonly ip: string
  /** Empty for GET. */
  readonly body: Buffer
}

/**
 * Messages of one call to the log: a request may hold a million events, whose messages need not all be in memory at once. So what
 * shows only when a message is written, its size, may refuse a larger request after its first events were taken.
 */
const messagesPerSend = 5_000

const refusalOf = (events: ReadonlyArray<Normalize.CapturedEvent>, rejection: Rejection): Refusal => {
  const detail = `Event ${events[rejection.index]?.index} was refused by the log: ${rejection.detail}`
  return new Refusal(rejection.reason === "TooLarge" ? "oversize_event" : "non_retry_sink", detail)
}

const refusalOfError = ({ reason }: ProducerError): Refusal => {
  switch (reason) {
    case "Unavailable":
      return new Refusal("retryable_sink", "The event log is not available; send again.")
    case "Full":
      return new Refusal("retryable_sink", "Too many events are waiting for the event log; send again.")
    case "OutOfDisk":
      return new Refusal("service_unavailable", "The server is short of disk space; send again later.")
  }
}

/** The handler of v0 requests. */
export const make = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<(request: CaptureRequest) => Effect.Effect<Reply.Reply>, never, Producer | ProjectStore> {
  const producer = yield* Producer
  const knownTokens = yield* Check.knownTokens
  const unknownTokens = UnknownTokens.make()
  const clock = yield* Clock.Clock
  const randomBytes = yield* RandomBytes
  const metrics = yield* CaptureMetrics.make
  const historicalAfterMs = (settings.historicalAfterDays ?? Number.POSITIVE_INFINITY) * 86_400_000

  const refuse = (refusal: Refusal, stage: "parsing" | "processing", events: number): Reply.Reply => {
    metrics.refused(refusal.code, stage, events)
    return Reply.refuse(refusal)
  }

  const readEvents = (
    { events, places }: Normalize.Batch,
    origin: Normalize.Origin
  ): ReadonlyArray<Normalize.CapturedEvent> | Refusal => {
    const captured: Array<Normalize.CapturedEvent> = []
    for (let i = 0; i < events.length; i++) {
      const event = Normalize.eventOf(events[i]!, places?.[i] ?? i, origin, randomBytes)
      if (event instanceof Refusal) return event
      captured.push(event)
    }
    return captured
  }

  const writeMessages = (
    events: ReadonlyArray<Normalize.CapturedEvent>,
    shared: Route.Shared
  ): ReadonlyArray<LogMessage> | Refusal => {
    const messages: Array<LogMessage> = []
    for (const event of events) {
      try {
        const message = Route.messageOf(event, Route.unrestricted, settings.topics, shared)
        const tooLarge = Route.oversize(message, event.index, settings.maxEventBytes)
        if (tooLarge !== undefined) return tooLarge
        messages.push(message)
      } catch (cause) {
        if (!(cause instanceof RangeError)) throw cause
        return new Refusal("non_retry_sink", `Event ${event.index} is nested too deeply to be written.`)
      }
    }
    return messages
  }

  /** Hands over the events in their order; undefined when the log has acknowledged them all. */
  const produce = (
    events: ReadonlyArray<Normalize.CapturedEvent>,
    shared: Route.Shared
  ): Effect.Effect<Refusal | undefined, ProducerError> => {
    const now = events.length <= messagesPerSend ? events : events.slice(0, messagesPerSend)
    const messages = writeMessages(now, shared)
    if (messages instanceof Refusal) return Effect.succeed(messages)
    return Effect.flatMap(producer.send(messages), ([rejection]) => {
      const refusal = rejection === undefined ? undefined : refusalOf(now, rejection)
      const isDone = refusal !== undefined || now === events
      return isDone ? Effect.succeed(refusal) : produce(events.slice(messagesPerSend), shared)
    })
  }

  const accept = (
    batch: Normalize.Batch,
    origin: Normalize.Origin,
    verdict: Check.Verdict,
    isBeacon: boolean
  ): Effect.Effect<Reply.Reply> => {
    const count = batch.events.length
    const isUnknown = verdict === "unknown"
    if (isUnknown && settings.tokenCheck === "reject") {
      return Effect.succeed(
        refuse(new Refusal("unknown_token", "The token belongs to no project."), "processing", count)
      )
    }
    const events = readEvents(batch, origin)
    if (events instanceof Refusal) return Effect.succeed(refuse(events, "processing", count))
    const reply = isBeacon ? Reply.noContent : isUnknown ? Reply.okWithWarning : Reply.ok
    const produced = Effect.match(produce(events, Route.share(origin)), {
      onFailure: (error) => refuse(refusalOfError(error), "processing", count),
      onSuccess: (refusal) => {
        if (refusal !== undefined) return refuse(refusal, "processing", count)
        metrics.ingested(count)
        return reply
      }
    })
    if (!isUnknown) return produced
    metrics.unknownToken(count)
    return Effect.andThen(unknownTokens.tell(origin.token), produced)
  }

  const answer = (request: CaptureRequest): Effect.Effect<Reply.Reply> => {
    const now = clock.currentTimeMillisUnsafe()
    const query = Form.parseQuery(request.query)
    const json = Decode.decode(request, query, settings.maxInflatedBytes)
    if (json instanceof Refusal) return Effect.succeed(refuse(json, "parsing", 0))
    const batch = Normalize.batchOf(json, { path: request.path, querySentAt: query.sentAt })
    if (batch instanceof Refusal) return Effect.succeed(refuse(batch, "parsing", 0))
    const count = batch.events.length
    if (count === 0) return Effect.succeed(Reply.ok)
    metrics.received(count)
    const token = Check.tokenOf(batch)
    if (token instanceof Refusal) return Effect.succeed(refuse(token, "parsing", count))

    const { historicalMigration, sentAt } = batch
    const historicalUntil = now - historicalAfterMs
    const origin = {
      now,
      nowText: Timestamp.toIso(now),
      token,
      ip: request.ip,
      sentAt,
      historicalMigration,
      historicalUntil
    }
    const verdict = settings.tokenCheck === "off" ? "known" : knownTokens.peek(token)
    return verdict === undefined
      ? Effect.flatMap(knownTokens.lookUp(token), (found) => accept(batch, origin, found, query.isBeacon))
      : accept(batch, origin, verdict, query.isBeacon)
  }

  return (request) => Effect.suspend(() => answer(request))
})
