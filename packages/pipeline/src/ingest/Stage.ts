/**
 * What the stages of ingestion have in common.
 *
 * A stage takes the survivors of the stage before and answers with one outcome each, in the same order. It is an effect
 * per batch; what it does per event is plain functions. What a batch has to tell besides its events (warnings, metrics,
 * messages of other topics) is collected in `Notes` and written with the events.
 */
import * as Outcome from "@tributary/domain/event/Outcome"
import type { AppMetric } from "@tributary/domain/row/AppMetricRow"
import type { LogEntry } from "@tributary/domain/row/LogEntryRow"
import type { Warning } from "@tributary/domain/warning/Warning"
import * as Effect from "effect/Effect"
import type { LogMessage } from "../service/LogMessage.ts"
import { describe } from "../service/StoreError.ts"

/** Collected while a batch is on its way; a stage appends, only Write reads. */
export interface Notes {
  readonly warnings: Array<Warning>
  /** Counts that are already summed up for the batch. */
  readonly metrics: Array<AppMetric>
  readonly logs: Array<LogEntry>
  /** Messages of other topics, such as heatmap points. */
  readonly messages: Array<LogMessage>
}

export const makeNotes = (): Notes => ({ warnings: [], metrics: [], logs: [], messages: [] })

/** One effect per batch; the answer lines up with the batch by index. */
export type Stage<A, B, E, R> = (
  batch: ReadonlyArray<A>,
  notes: Notes
) => Effect.Effect<ReadonlyArray<Outcome.Outcome<B>>, E, R>

/** Runs a stage on the survivors and puts each answer back in its place. */
export const onSurvivors = <A, B, E, R>(
  stage: Stage<A, B, E, R>,
  outcomes: ReadonlyArray<Outcome.Outcome<A>>,
  notes: Notes
): Effect.Effect<ReadonlyArray<Outcome.Outcome<B>>, E, R> => {
  const live: Array<A> = []
  for (const outcome of outcomes) if (outcome._tag === "Continue") live.push(outcome.value)
  return Effect.map(stage(live, notes), (answers) => {
    let taken = 0
    return outcomes.map((outcome) => {
      if (outcome._tag !== "Continue") return outcome
      const answer = answers[taken++]
      if (answer === undefined) throw new Error("a stage answered with fewer outcomes than it got events")
      return answer
    })
  })
}

/** The dead letter of an event that fails alone, by a bug or by what a store refuses for good (spec worker 6.1). */
export const failed = (step: string, failure: unknown): Outcome.DeadLetter =>
  Outcome.deadLetter("Processing error - non-retriable", step, describe(failure))

/**
 * What a step says of one event; an exception, which is a bug, makes that event alone a dead letter (spec worker 6.1). A value
 * that is nested deeper than the stack is one way to meet it.
 */
export const alone = <A>(step: string, decide: () => Outcome.Outcome<A>): Outcome.Outcome<A> => {
  try {
    return decide()
  } catch (bug) {
    return failed(step, bug)
  }
}
