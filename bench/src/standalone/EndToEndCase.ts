/**
 * The whole way: single events at 500 a second into `npm start`, or into capture before Kafka, and how long after its 200 an event is found in ClickHouse. Every
 * sixteenth event is looked for; the look-up, ten times a second, is part of what is measured.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Case from "../Case.ts"
import { uuidOf } from "../Events.ts"
import * as LogRange from "../LogRange.ts"
import type { LoadQuestions } from "../load/program.ts"
import * as Child from "../process/Child.ts"
import { median, quantile, type Result } from "../Result.ts"
import * as World from "../World.ts"
import type { LimitQuestions } from "../worker/limit.ts"
import * as Mix from "../worker/Mix.ts"
import * as Stack from "./Stack.ts"
import * as Standalone from "./Standalone.ts"

const eventsPerSecond = 500
const seconds = 10
/** How long the last events may take. */
const patienceMs = 30_000

let runs = 5_000_000

const prefixOf = (run: number): string => uuidOf(run, 0).slice(0, 9)

/** Asks again and again which of the events can be found; answers, when all can, with when each was first seen. */
const watch = Effect.fnUntraced(function* ({ query }: Standalone.System, run: number, wanted: number) {
  const seen = new Map<string, number>()
  const until = Date.now() + seconds * 1000 + patienceMs
  const sql = `SELECT toString(uuid) AS u FROM events WHERE u LIKE '${prefixOf(run)}%0' FORMAT TSV`
  while (seen.size < wanted && Date.now() < until) {
    const found = (yield* query(sql)).split("\n")
    const now = Date.now()
    for (const uuid of found) if (uuid !== "" && !seen.has(uuid)) seen.set(uuid, now)
    yield* Effect.sleep("100 millis")
  }
  return seen
})

/** Waits until as many rows are there as events were sent; answers with what they hold. */
const stored = Effect.fnUntraced(function* ({ query }: Standalone.System, run: number) {
  const rows = yield* query(
    `SELECT toString(uuid) AS uuid, event, distinct_id, properties FROM events WHERE toString(uuid) LIKE '${prefixOf(run)}%' FORMAT JSONEachRow`
  )
  const digest = LogRange.Digest()
  for (const line of rows.split("\n")) {
    if (line === "") continue
    const row = JSON.parse(line)
    digest.add(Mix.contentOf({ ...row, properties: JSON.parse(row.properties) }))
  }
  return digest.summary()
})

const round = Effect.fnUntraced(function* (
  system: Standalone.System,
  load: Child.Child<LoadQuestions, null>,
  limit: Child.Child<LimitQuestions, null>
) {
  const run = runs++
  const count = eventsPerSecond * seconds
  yield* load.ask("prepare", { run, count, eventsPerRequest: 1 })
  const work = Effect.gen(function* () {
    const watching = yield* Effect.forkChild(watch(system, run, Math.ceil(count / 16)))
    const target = { port: system.port, connections: 64, requestsPerSecond: eventsPerSecond }
    const answers = yield* load.ask("open", target)
    return { answers, seen: yield* Fiber.join(watching) }
  })
  const { coreSeconds, result } = yield* Child.spending(system.children, work)
  const delays = result.answers.flatMap(({ at }, index) => {
    if (index % 16 !== 0) return []
    return [(result.seen.get(uuidOf(run, index)) ?? Number.POSITIVE_INFINITY) - at]
  })
  const other = yield* limit.ask("measure", { mix: "known", run, count, at: Date.now(), unmerged: 0 })
  yield* Case.same("end-to-end: events sent and rows found", yield* stored(system, run), other.summary)
  return {
    delays,
    latencies: result.answers.map(({ latency }) => latency),
    perCoreSecond: count / coreSeconds,
    limit: count / (other.cpu / 1e6)
  }
})

export const run = Effect.fnUntraced(function* (options: Case.Options) {
  const { log } = yield* World.World
  const system: Standalone.System = log === "kafka" ? yield* Stack.start : yield* Standalone.start
  const load = yield* Child.start<LoadQuestions, null>(new URL("../load/program.ts", import.meta.url))
  const limit = yield* Child.start<LimitQuestions, null>(new URL("../worker/limit.ts", import.meta.url))
  yield* round(system, load, limit)
  const all = Effect.forEach(Array.from({ length: options.rounds }), () => round(system, load, limit))
  const [rounds, profile] = yield* Case.profiled(options, "end-to-end", system.children[0], all)
  const of = (figure: (one: (typeof rounds)[number]) => number): number => median(rounds.map(figure))
  const bound = { name: "JSON.parse and JSON.stringify", eventsPerCoreSecond: of((one) => one.limit) }
  const eventsPerCoreSecond = of((one) => one.perCoreSecond)
  const result: Result = {
    case: "end-to-end",
    log,
    rounds: options.rounds,
    eventsPerCoreSecond,
    baseline: bound,
    ratio: eventsPerCoreSecond / bound.eventsPerCoreSecond,
    limit: bound,
    p50Ms: of((one) => quantile(one.latencies, 0.5)),
    p99Ms: of((one) => quantile(one.latencies, 0.99)),
    p95QueryableMs: of((one) => quantile(one.delays, 0.95))
  }
  const notes = [
    `at ${eventsPerSecond} events/s, found in ClickHouse after its 200: half of the events within ` +
      `${Math.round(of((one) => quantile(one.delays, 0.5)))} ms, 95 % within ${Math.round(result.p95QueryableMs ?? 0)} ms ` +
      "(the look-up's own 100 ms included); processor time is that of capture and worker" +
      (log === "kafka" ? "" : ", sink and ClickHouse's engine together"),
    ...profile
  ]
  return { result, notes } satisfies Case.Finding
}, Effect.scoped)
