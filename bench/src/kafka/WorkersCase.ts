/**
 * Two workers on two partitions beside one on both: the same events, by the clock and by processor time. The workers hold
 * their partitions before the lane is filled, so that no round begins with a change of hands; filling is part of the round.
 */
import * as Topics from "@tributary/domain/row/Topics"
import * as Effect from "effect/Effect"
import * as Case from "../Case.ts"
import * as LogRange from "../LogRange.ts"
import * as Child from "../process/Child.ts"
import { median, type Result, spread } from "../Result.ts"
import { World } from "../World.ts"
import * as Lane from "../worker/Lane.ts"
import type * as Mix from "../worker/Mix.ts"
import * as People from "../worker/People.ts"
import * as WorkerCase from "../worker/WorkerCase.ts"

const topic = "bench_workers"
const partitions = 2
const count = 20_000

type Workers = ReadonlyArray<Lane.Worker>

/** Waits until each of them holds the same number of partitions, and all together all of them. */
const shared = (workers: Workers) =>
  Effect.repeat(
    Effect.delay(
      Effect.forEach(workers, (worker) => worker.ask("standing")),
      "50 millis"
    ),
    { until: (all) => all.every((standing) => standing.partitions * workers.length === partitions) }
  )

const round = Effect.fnUntraced(function* (workers: Workers, wanted: Mix.Wanted) {
  const slices = Lane.slices(wanted, topic)
  yield* LogRange.pass(Topics.clickhouseEvents)
  for (const worker of workers) yield* worker.ask("begin")
  yield* shared(workers)
  const until = (yield* Lane.committed(workers)) + wanted.count
  const began = performance.now()
  const { coreSeconds } = yield* Child.spending(
    workers,
    Effect.andThen(Lane.fill(slices), Lane.drained(workers, until))
  )
  const seconds = (performance.now() - began) / 1000
  yield* Effect.forEach(workers, (worker) => worker.ask("end"), { concurrency: "unbounded" })
  const summary = yield* LogRange.summarise(Topics.clickhouseEvents, WorkerCase.rowContent)
  return { summary, perCoreSecond: wanted.count / coreSeconds, perSecond: wanted.count / seconds }
})

let runs = 8_000_000

export const run = Effect.fnUntraced(function* (options: Case.Options) {
  const { log, makeTopic } = yield* World
  yield* makeTopic(topic, partitions)
  yield* People.make
  const one = yield* WorkerCase.worker(topic)
  const other = yield* WorkerCase.worker(topic)
  const both = Effect.gen(function* () {
    const wanted: Mix.Wanted = { mix: "known", run: runs++, count, at: Date.now(), unmerged: People.count }
    const two = yield* round([one, other], wanted)
    const alone = yield* round([one], wanted)
    yield* Case.same("kafka-two-workers: events of one and of two", alone.summary, two.summary)
    return { alone, two }
  })
  yield* both
  const all = Effect.forEach(Array.from({ length: options.rounds }), () => both)
  const [rounds, profile] = yield* Case.profiled(options, "kafka-two-workers", one, all)
  const of = (figure: (one: (typeof rounds)[number]) => number): number => median(rounds.map(figure))
  const eventsPerCoreSecond = of(({ two }) => two.perCoreSecond)
  const eventsPerSecond = of(({ two }) => two.perSecond)
  const baseline = {
    name: "one worker",
    eventsPerCoreSecond: of(({ alone }) => alone.perCoreSecond),
    eventsPerSecond: of(({ alone }) => alone.perSecond)
  }
  const result: Result = {
    case: "kafka-two-workers",
    log,
    rounds: options.rounds,
    eventsPerCoreSecond,
    baseline,
    ratio: eventsPerCoreSecond / baseline.eventsPerCoreSecond,
    eventsPerSecond
  }
  const notes = [
    `${Math.round(eventsPerSecond)} events/s with two workers, ${Math.round(baseline.eventsPerSecond)} with one: ` +
      `${(eventsPerSecond / baseline.eventsPerSecond).toFixed(2)} times as many; broker, PostgreSQL and whoever fills the lane ` +
      `share the cores; rounds differ by a factor of ${spread(rounds.map(({ two }) => two.perSecond)).toFixed(2)}`,
    ...profile
  ]
  return { result, notes } satisfies Case.Finding
}, Effect.scoped)
