/**
 * Runs a project's transformations over events (spec cdp 2.1): in their order, each seeing what the one before left; what
 * fails leaves the event as it was; a result is applied as a whole or not at all.
 *
 * `run` is a plain function for one event. `runBatch` takes a whole batch and also runs transformations that are effects;
 * it costs nothing more where there are none. Neither fails nor throws.
 */
import type { Properties } from "@tributary/domain/event/Properties"
import * as Filter from "@tributary/domain/function/Filter"
import type { HogFunction } from "@tributary/domain/function/HogFunction"
import type { AppMetric } from "@tributary/domain/row/AppMetricRow"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Outcome, Program, TransformationEvent } from "./Transformation.ts"

/** A row with its program, ready to run. */
export interface LoadedTransformation {
  readonly function: HogFunction
  readonly program: Program
}

/** A failure that the project's owner should read of. */
export interface Failure {
  readonly function: HogFunction
  readonly eventUuid: string
  readonly problem: string
}

export type Transformed<E> =
  | { readonly _tag: "Kept"; readonly event: E }
  | { readonly _tag: "Dropped"; readonly by: HogFunction; readonly reason: string }

type MetricName = "succeeded" | "failed" | "dropped" | "filtered"
const kinds = { succeeded: "success", failed: "failure", dropped: "other", filtered: "other" } as const

/** Counts of one batch. */
export class Tally {
  private readonly counts = new Map<HogFunction, Map<MetricName, number>>()
  /** At most 100 a batch: a transformation that always fails must not flood the log. */
  readonly failures: Array<Failure> = []

  add(self: HogFunction, name: MetricName): void {
    const counts = this.counts.get(self) ?? new Map<MetricName, number>()
    this.counts.set(self, counts.set(name, (counts.get(name) ?? 0) + 1))
  }

  failed(self: HogFunction, eventUuid: string, problem: string): void {
    this.add(self, "failed")
    if (this.failures.length < 100) this.failures.push({ function: self, eventUuid, problem })
  }

  /** One metric per function and name. */
  metrics(): ReadonlyArray<AppMetric> {
    return [...this.counts].flatMap(([self, counts]) =>
      [...counts].map(([name, count]) => ({
        team: self.team,
        appSource: "hog_function",
        appSourceId: self.id,
        kind: kinds[name],
        name,
        count
      }))
    )
  }
}

/** What older versions wrote on events about their transformations; clients may not send it (spec cdp 2.2). */
const bookkeeping = ["$transformations_failed", "$transformations_skipped", "$transformations_succeeded"]

/** The event without bookkeeping properties; the same event when it has none. */
export const strip = <E extends { readonly properties: Properties }>(event: E): E => {
  const { properties } = event
  if (!bookkeeping.some((name) => Object.hasOwn(properties, name))) return event
  const kept = Object.entries(properties).filter(([name]) => !bookkeeping.includes(name))
  return { ...event, properties: Object.fromEntries(kept) }
}

const explain = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

/** Why a patch is not applied; undefined when it is fine. User code may be wrong about its types. */
const faultOf = ({ patch }: Extract<Outcome, { _tag: "Keep" }>): string | undefined => {
  if (typeof patch !== "object" || patch === null) return "Keep came without a patch"
  const { distinctId, event, properties }: Readonly<Record<string, unknown>> = { ...patch }
  if (event !== undefined && (typeof event !== "string" || event === "")) return "the event name is no text"
  if (distinctId !== undefined && (typeof distinctId !== "string" || distinctId === "")) {
    return "the distinct id is no text"
  }
  const isObject = typeof properties === "object" && properties !== null && !Array.isArray(properties)
  return properties === undefined || isObject ? undefined : "the properties are no object"
}

const isAsked = ({ function: { filter } }: LoadedTransformation, event: TransformationEvent): boolean =>
  filter === Filter.everything || filter.matches(Filter.subjectOf(event.event, event.properties))

/** Applies an outcome; `undefined` stands for a drop. */
const apply = <E extends TransformationEvent>(
  self: HogFunction,
  event: E,
  outcome: Outcome,
  tally: Tally
): Transformed<E> => {
  switch (outcome._tag) {
    case "Unchanged":
      tally.add(self, "succeeded")
      return { _tag: "Kept", event }
    case "Drop":
      tally.add(self, "dropped")
      return { _tag: "Dropped", by: self, reason: outcome.reason }
    case "Failed":
      tally.failed(self, event.uuid, outcome.problem)
      return { _tag: "Kept", event }
    case "Keep": {
      const fault = faultOf(outcome)
      if (fault !== undefined) {
        tally.failed(self, event.uuid, fault)
        return { _tag: "Kept", event }
      }
      tally.add(self, "succeeded")
      const { distinctId = event.distinctId, event: name = event.event, properties = event.properties } = outcome.patch
      const ip = properties["$ip"]
      return {
        _tag: "Kept",
        event: { ...event, event: name, distinctId, properties, ip: typeof ip === "string" && ip !== "" ? ip : null }
      }
    }
    default:
      tally.failed(self, event.uuid, "the result is none of Keep, Unchanged and Drop")
      return { _tag: "Kept", event }
  }
}

const step = <E extends TransformationEvent>(
  self: LoadedTransformation,
  run: (event: TransformationEvent) => Outcome,
  event: E,
  tally: Tally
): Transformed<E> => {
  try {
    if (!isAsked(self, event)) {
      tally.add(self.function, "filtered")
      return { _tag: "Kept", event }
    }
    return apply(self.function, event, run(event), tally)
  } catch (thrown) {
    tally.failed(self.function, event.uuid, explain(thrown))
    return { _tag: "Kept", event }
  }
}

/** Runs transformations that are plain functions; those that are effects are passed over, they need `runBatch`. */
export const run = <E extends TransformationEvent>(
  loaded: ReadonlyArray<LoadedTransformation>,
  event: E,
  tally: Tally
): Transformed<E> => {
  let current: Transformed<E> = { _tag: "Kept", event: strip(event) }
  for (const self of loaded) {
    if (self.program._tag === "PerEvent") current = step(self, self.program.run, current.event, tally)
    if (current._tag === "Dropped") return current
  }
  return current
}

/** How long a transformation that is an effect may take for a batch (spec cdp 2.3). */
const timeLimit = Duration.millis(550)

export interface Item<E> {
  /** The project's transformations, in their order; empty for a project without. */
  readonly loaded: ReadonlyArray<LoadedTransformation>
  readonly event: E
}

/** Runs a batch; the answer lines up with it by index. */
export const runBatch = <E extends TransformationEvent>(
  items: ReadonlyArray<Item<E>>,
  tally: Tally
): Effect.Effect<ReadonlyArray<Transformed<E>>> => {
  const results: Array<Transformed<E>> = []
  /** Items of lists that hold an effect, by list: these go through it together, transformation by transformation. */
  const together = new Map<ReadonlyArray<LoadedTransformation>, Array<number>>()
  items.forEach(({ event, loaded }, index) => {
    if (loaded.some(({ program }) => program._tag === "PerBatch")) {
      const indexes = together.get(loaded)
      if (indexes === undefined) together.set(loaded, [index])
      else indexes.push(index)
      results.push({ _tag: "Kept", event: strip(event) })
    } else results.push(run(loaded, event, tally))
  })
  if (together.size === 0) return Effect.succeed(results)
  return Effect.forEach(together, ([loaded, indexes]) => runTogether(loaded, indexes, results, tally), {
    discard: true
  }).pipe(Effect.as(results))
}

const runTogether = Effect.fnUntraced(function* <E extends TransformationEvent>(
  loaded: ReadonlyArray<LoadedTransformation>,
  indexes: ReadonlyArray<number>,
  results: Array<Transformed<E>>,
  tally: Tally
) {
  for (const self of loaded) {
    const { program } = self
    const asked: Array<{ readonly index: number; readonly event: E }> = []
    for (const index of indexes) {
      const result = results[index]
      if (result?._tag !== "Kept") continue
      if (program._tag === "PerEvent") results[index] = step(self, program.run, result.event, tally)
      else if (isAsked(self, result.event)) asked.push({ index, event: result.event })
      else tally.add(self.function, "filtered")
    }
    if (program._tag === "PerEvent" || asked.length === 0) continue
    const outcomes = yield* Effect.suspend(() => program.run(asked.map(({ event }) => event))).pipe(
      Effect.timeoutOrElse({ duration: timeLimit, orElse: () => Effect.die(new Error("no answer in 550 ms")) }),
      Effect.catchDefect((defect) => {
        const outcome: Outcome = { _tag: "Failed", problem: explain(defect) }
        return Effect.succeed(asked.map(() => outcome))
      })
    )
    asked.forEach(({ event, index }, i) => {
      const outcome = outcomes[i] ?? { _tag: "Failed", problem: "it answered with fewer outcomes than it got events" }
      results[index] = apply(self.function, event, outcome, tally)
    })
  }
})
