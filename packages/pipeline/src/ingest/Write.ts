/**
 * Step 4: everything that a batch has to say goes to the log, and is acknowledged before its positions are committed
 * (spec worker 6.2).
 *
 * Events, dead letters, warnings, metrics and the outbox rows of the batch travel in one append. What the log refuses
 * for good finds its place: an event becomes a dead letter, a dead letter is cut, an outbox row is marked, and a warning
 * or a metric is counted and logged, for neither may hold up the batch.
 */
import type { ProcessedEvent } from "@tributary/domain/event/Event"
import type * as Outcome from "@tributary/domain/event/Outcome"
import * as Catalogue from "@tributary/domain/warning/Catalogue"
import type { Warning } from "@tributary/domain/warning/Warning"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Away from "../service/Away.ts"
import type * as Health from "../service/Health.ts"
import type { LogMessage, LogRecord } from "../service/LogMessage.ts"
import * as Outputs from "../service/Outputs.ts"
import { type OutboxRow, PersonStore } from "../service/PersonStore.ts"
import { Producer, ProducerError, type Rejection } from "../service/Producer.ts"
import type { StoreError } from "../service/StoreError.ts"
import * as DeadLetter from "./DeadLetter.ts"
import * as Debounce from "./Debounce.ts"
import type { Notes } from "./Stage.ts"
import * as Messages from "./write/Messages.ts"

export interface Batch {
  readonly records: ReadonlyArray<LogRecord>
  /** Lines up with the records. */
  readonly outcomes: ReadonlyArray<Outcome.Outcome<ProcessedEvent>>
  /** The project of each record, as far as it is known: dead letters name it. */
  readonly teams: ReadonlyArray<number | undefined>
  readonly notes: Notes
  readonly outbox: ReadonlyArray<OutboxRow>
}

export interface Write<R = Producer | PersonStore | Health.Health> {
  /**
   * Appends redirected messages to their lane; acknowledged when it succeeds. Answers with the outcomes: a message that the
   * lane refuses for good is a dead letter.
   */
  readonly redirect: <A>(
    records: ReadonlyArray<LogRecord>,
    outcomes: ReadonlyArray<Outcome.Outcome<A>>
  ) => Effect.Effect<ReadonlyArray<Outcome.Outcome<A>>, never, R>
  /** Appends everything else; acknowledged when it succeeds. */
  readonly batch: (batch: Batch) => Effect.Effect<void, never, R>
}

/** A message on its way out, and what becomes of it when the log refuses it for good. */
interface Outgoing {
  readonly message: LogMessage
  readonly origin:
    | { readonly _tag: "Event"; readonly index: number; readonly event: ProcessedEvent }
    /** One that was refused before has been cut if that could help; if not even this is taken, the batch waits. */
    | { readonly _tag: "DeadLetter"; readonly wasRefused: boolean }
    | { readonly _tag: "Outbox"; readonly row: OutboxRow }
    | { readonly _tag: "Note" }
}

/** What the log refuses of a batch. */
interface Refused {
  /** Ids of outbox rows. */
  readonly rows: Set<bigint>
  /** Events that became dead letters, by their index. */
  readonly letters: Map<number, Outcome.DeadLetter>
}

const outcomesTotal = Metric.counter("ingestion_outcomes_total", {
  description: "Messages by what became of them: stored, dropped, dead_letter, redirected",
  incremental: true
})
const refusedByLogTotal = Metric.counter("outbox_refused_total", {
  description: "Outbox rows that the log refuses for good; each is an alarm: ClickHouse lacks this row",
  incremental: true
})
const notesLostTotal = Metric.counter("ingestion_notes_refused_total", {
  description: "Warnings, metrics and log lines that their topic refuses for good",
  incremental: true
})

const warningsTotal = Metric.counter("ingestion_warnings_total", {
  description: "Warnings: emitted, or suppressed because the hour had one",
  incremental: true
})

/** A dead letter that its topic will not take is no reason to lose it: the batch waits, as for a log that is away. */
const send = (
  all: ReadonlyArray<Outgoing>
): Effect.Effect<ReadonlyArray<Rejection>, never, Producer | Health.Health> => {
  if (all.length === 0) return Effect.succeed([])
  return Away.log(
    Effect.flatMap(Outputs.send(all.map(({ message }) => message)), (rejections) => {
      const stuck = rejections.find(({ index }) => {
        const origin = all[index]?.origin
        return origin?._tag === "DeadLetter" && origin.wasRefused
      })
      if (stuck === undefined) return Effect.succeed(rejections)
      const cause = new Error(`the dead letters' topic refuses a letter: ${stuck.detail}`)
      return Effect.fail(new ProducerError({ reason: "Unavailable", cause }))
    })
  )
}

export const make = (topics: { readonly overflow: string }): Write => {
  const debounce = Debounce.make()

  const redirect: Write["redirect"] = (records, outcomes) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const indexes: Array<number> = []
      const messages: Array<LogMessage> = []
      for (const [index, outcome] of outcomes.entries()) {
        const record = records[index]
        if (outcome._tag !== "Redirect" || record === undefined) continue
        indexes.push(index)
        messages.push(Messages.redirected(record, outcome, topics.overflow, now))
      }
      if (messages.length === 0) return outcomes
      // A lane has its whole name: it may be called anything.
      const rejections = yield* Away.log(Producer.use((producer) => producer.send(messages)))
      if (rejections.length === 0) return outcomes
      const letters = new Map(
        rejections.map((rejection) => [indexes[rejection.index], Messages.refusedAtEmit(rejection)])
      )
      return outcomes.map((outcome, index) => letters.get(index) ?? outcome)
    })

  const batch: Write["batch"] = (self) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const refused: Refused = { rows: new Set(), letters: new Map() }
      const warned = warnedMessages(self.notes.warnings, now)
      yield* countWarnings(self.notes.warnings.length, warned.length)
      yield* deliver([...outgoing(self, refused, now), ...warned.map(asNote)], self, refused, now)
      yield* count(self.outcomes.map((outcome, index) => refused.letters.get(index) ?? outcome))
      // Also none: a counter that is not there yet has not risen when it first is.
      yield* Metric.update(refusedByLogTotal, 0)
      const published = self.outbox.filter(({ id }) => !refused.rows.has(id)).map(({ id }) => id)
      if (published.length === 0) return
      yield* Away.postgresUnavailable(PersonStore.use((store) => store.published(published))).pipe(orLeaveToSweeper)
    })

  const warnedMessages = (warnings: ReadonlyArray<Warning>, now: number): ReadonlyArray<LogMessage> =>
    warnings.flatMap((warning) =>
      Catalogue.entryOf(warning.type).alwaysSend ||
      debounce(`${warning.team}:${warning.type}:${warning.key ?? ""}`, now)
        ? [Messages.warningMessage(warning, now)]
        : []
    )

  /** Sends until nothing is left to send, and adds to `refused` what the log does not take. */
  const deliver = (
    all: ReadonlyArray<Outgoing>,
    self: Batch,
    refused: Refused,
    now: number
  ): Effect.Effect<void, never, Producer | PersonStore | Health.Health> =>
    Effect.flatMap(send(all), (rejections) => {
      if (rejections.length === 0) return Effect.void
      const instead: Array<Outgoing> = []
      const refusedRows: Array<OutboxRow> = []
      const warnings: Array<Warning> = []
      let lost = 0
      for (const rejection of rejections) {
        const outgoing = all[rejection.index]
        if (outgoing === undefined) continue
        const { message, origin } = outgoing
        const isTooLarge = rejection.reason === "TooLarge"
        switch (origin._tag) {
          case "Event": {
            const record = self.records[origin.index]
            if (record === undefined) break
            const letter = Messages.refusedAtEmit(rejection)
            refused.letters.set(origin.index, letter)
            instead.push(asLetter(DeadLetter.make(record, letter, origin.event.project.id, now)))
            if (isTooLarge) warnings.push(Messages.eventTooLarge(origin.event))
            break
          }
          case "DeadLetter": {
            const smaller = isTooLarge ? DeadLetter.truncated(message) : message
            instead.push({ message: smaller, origin: { _tag: "DeadLetter", wasRefused: true } })
            break
          }
          case "Outbox":
            refusedRows.push(origin.row)
            if (isTooLarge) warnings.push(...Messages.rowTooLarge(origin.row))
            break
          case "Note":
            lost += 1
        }
      }
      const warned = warnedMessages(warnings, now)
      instead.push(...warned.map(asNote))
      return Effect.gen(function* () {
        yield* countWarnings(warnings.length, warned.length)
        if (lost > 0) {
          yield* Metric.update(notesLostTotal, lost)
          yield* Effect.logError("a topic refuses messages for good", { messages: lost, why: rejections[0]?.detail })
        }
        if (refusedRows.length > 0) yield* markRefused(refusedRows.map(({ id }) => id))
        for (const { id } of refusedRows) refused.rows.add(id)
        yield* deliver(instead, self, refused, now)
      })
    })

  return { redirect, batch }
}

const asLetter = (message: LogMessage): Outgoing => ({ message, origin: { _tag: "DeadLetter", wasRefused: false } })
const asNote = (message: LogMessage): Outgoing => ({ message, origin: { _tag: "Note" } })

/** Everything but the warnings. Events that cannot be written become letters here already. */
const outgoing = (self: Batch, refused: Refused, now: number): ReadonlyArray<Outgoing> => {
  const { notes, outbox, outcomes, records, teams } = self
  const out: Array<Outgoing> = []
  for (const [index, outcome] of outcomes.entries()) {
    const record = records[index]
    if (record === undefined) continue
    if (outcome._tag === "Continue") {
      const message = Messages.eventMessage(outcome.value, now)
      if (message !== undefined) out.push({ message, origin: { _tag: "Event", index, event: outcome.value } })
      else {
        refused.letters.set(index, Messages.tooDeep)
        out.push(asLetter(DeadLetter.make(record, Messages.tooDeep, teams[index], now)))
      }
    } else if (outcome._tag === "DeadLetter") {
      out.push(asLetter(DeadLetter.make(record, outcome, teams[index], now)))
    }
  }
  for (const row of outbox) out.push({ message: { ...row, headers: [] }, origin: { _tag: "Outbox", row } })
  for (const message of Messages.noted(notes, now)) out.push(asNote(message))
  return out
}

/** The alarm for outbox rows of these ids, if there are any. */
export const tellRefused = (ids: ReadonlyArray<bigint>): Effect.Effect<void> =>
  ids.length === 0
    ? Effect.void
    : Effect.andThen(
        Metric.update(refusedByLogTotal, ids.length),
        Effect.logError("the log refuses outbox rows for good: ClickHouse lacks them", { rows: ids.map(String) })
      )

const markRefused = (ids: ReadonlyArray<bigint>) =>
  Effect.gen(function* () {
    yield* tellRefused(ids)
    yield* Away.postgresUnavailable(PersonStore.use((store) => store.refusedByLog(ids))).pipe(orLeaveToSweeper)
  })

const countWarnings = (raised: number, emitted: number) =>
  raised === 0
    ? Effect.void
    : Effect.andThen(
        Metric.update(Metric.withAttributes(warningsTotal, { result: "emitted" }), emitted),
        Metric.update(Metric.withAttributes(warningsTotal, { result: "suppressed" }), raised - emitted)
      )

/** The rows are in the log; if the outbox cannot be told so, a sweep publishes them once more, which is harmless. */
const orLeaveToSweeper = Effect.catch((error: StoreError) =>
  Effect.logWarning("outbox rows stay until the next sweep", { cause: String(error.cause) })
)

const labels = {
  Continue: "stored",
  Drop: "dropped",
  DeadLetter: "dead_letter",
  Redirect: "redirected"
} as const

/** One update a batch for each kind and reason that occurs. */
const count = (outcomes: ReadonlyArray<Outcome.Outcome<unknown>>): Effect.Effect<void> => {
  const counts = new Map<string, { readonly attributes: Record<string, string>; n: number }>()
  for (const outcome of outcomes) {
    const reason = outcome._tag === "Continue" ? "" : outcome.reason
    const key = `${outcome._tag}:${reason}`
    const known = counts.get(key)
    if (known === undefined) counts.set(key, { attributes: { outcome: labels[outcome._tag], reason }, n: 1 })
    else known.n += 1
  }
  return Effect.forEach(
    counts.values(),
    ({ attributes, n }) => Metric.update(Metric.withAttributes(outcomesTotal, attributes), n),
    { discard: true }
  )
}
