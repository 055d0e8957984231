/**
 * Capture beside the bare server: closed loop for processor time, then an open loop for latency. Both sides get the same
 * requests, in rounds that alternate, and must leave the same messages in the log.
 */
import * as Topics from "@tributary/domain/row/Topics"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as Effect from "effect/Effect"
import * as Case from "../Case.ts"
import * as LogRange from "../LogRange.ts"
import type { LoadQuestions } from "../load/program.ts"
import * as Child from "../process/Child.ts"
import { median, quantile, type Result, spread } from "../Result.ts"
import * as World from "../World.ts"
import type { Door } from "./ours.ts"

export interface Shape {
  readonly name: "capture-single" | "capture-gzip50"
  readonly eventsPerRequest: number
  /** Requests of a round of the closed loop. */
  readonly requests: number
  readonly connections: number
}

export const single: Shape = { name: "capture-single", eventsPerRequest: 1, requests: 15_000, connections: 128 }
export const gzip50: Shape = { name: "capture-gzip50", eventsPerRequest: 50, requests: 600, connections: 64 }

const eventsPerSecond = 1_500
const openSeconds = 4
const openGatherMs = 5

type Server = Child.Child<Child.NoQuestions, Door>
type Load = Child.Child<LoadQuestions, null>

const ours = new URL("./ours.ts", import.meta.url)
const bare = new URL("./bare.ts", import.meta.url)

let runs = 0

/** What of a message does not depend on when it was sent. */
const contentOf = ({ headers, key, value }: LogRecord): string => {
  const {
    now: _now,
    sent_at: _sentAt,
    timestamp: _timestamp,
    data,
    ...rest
  } = JSON.parse(Buffer.from(value ?? []).toString())
  const { timestamp: _inner, properties, ...event } = JSON.parse(data)
  const lasting = headers.map(([name, text]) => [name, name === "now" || name === "timestamp" ? "" : text])
  const { $time: _time, $insert_id: _id, ...properly } = properties
  return JSON.stringify([key === null ? null : Buffer.from(key).toString(), rest, event, properly, lasting])
}

/** Sends one round of requests to a server; events per core-second, and what the log got. */
const closedRound = Effect.fnUntraced(function* (
  server: Server,
  load: Load,
  shape: Shape,
  run: number,
  requests: number
) {
  yield* LogRange.pass(Topics.events)
  yield* load.ask("prepare", { run, count: requests, eventsPerRequest: shape.eventsPerRequest })
  const { coreSeconds, result: seconds } = yield* Child.spending(
    [server],
    load.ask("closed", { port: server.info.port, connections: shape.connections })
  )
  const events = requests * shape.eventsPerRequest
  const got = yield* LogRange.summarise(Topics.events, contentOf)
  yield* Case.same(`${shape.name}: messages sent and stored`, events, got.messages)
  return { got, perCoreSecond: events / coreSeconds, perSecond: events / seconds }
})

const openRound = Effect.fnUntraced(function* (server: Server, load: Load, shape: Shape) {
  const requestsPerSecond = eventsPerSecond / shape.eventsPerRequest
  const count = Math.round(requestsPerSecond * openSeconds)
  yield* load.ask("prepare", { run: runs++, count, eventsPerRequest: shape.eventsPerRequest })
  const answers = yield* load.ask("open", { port: server.info.port, connections: 64, requestsPerSecond })
  return answers.map(({ latency }) => latency)
})

const servers = Effect.fnUntraced(function* (gatherMs: number) {
  const world = yield* World.World
  const environment = { ...world.environment, BENCH_GATHER_MS: String(gatherMs) }
  return {
    ours: yield* Child.start<Child.NoQuestions, Door>(ours, { environment }),
    baseline: yield* Child.start<Child.NoQuestions, Door>(bare, { environment })
  }
})

const throughput = Effect.fnUntraced(function* (shape: Shape, options: Case.Options, load: Load) {
  const both = yield* servers((yield* World.World).captureGatherMs)
  const warmUp = shape.requests
  yield* closedRound(both.ours, load, shape, runs++, warmUp)
  yield* closedRound(both.baseline, load, shape, runs++, warmUp)
  const figures = { ours: [] as Array<number>, baseline: [] as Array<number>, oursPerSecond: [] as Array<number> }
  const rounds = Effect.gen(function* () {
    for (let round = 0; round < options.rounds; round++) {
      const run = runs++
      const one = yield* closedRound(both.ours, load, shape, run, shape.requests)
      const other = yield* closedRound(both.baseline, load, shape, run, shape.requests)
      yield* Case.same(`${shape.name}: messages of capture and of the bare server`, one.got, other.got)
      figures.ours.push(one.perCoreSecond)
      figures.oursPerSecond.push(one.perSecond)
      figures.baseline.push(other.perCoreSecond)
    }
  })
  const profileBaseline = Case.profiled(options, `${shape.name}-bare`, both.baseline, rounds)
  const [[, second], first] = yield* Case.profiled(options, `${shape.name}-ours`, both.ours, profileBaseline)
  return { ...figures, notes: [...first, ...second] }
}, Effect.scoped)

const latency = Effect.fnUntraced(function* (shape: Shape, { rounds }: Case.Options, load: Load) {
  const both = yield* servers(openGatherMs)
  yield* openRound(both.ours, load, shape)
  yield* openRound(both.baseline, load, shape)
  const figures = { p50: [] as Array<number>, p99: [] as Array<number>, baselineP99: [] as Array<number> }
  for (let round = 0; round < rounds; round++) {
    const one = yield* openRound(both.ours, load, shape)
    figures.p50.push(quantile(one, 0.5))
    figures.p99.push(quantile(one, 0.99))
    figures.baselineP99.push(quantile(yield* openRound(both.baseline, load, shape), 0.99))
  }
  return figures
}, Effect.scoped)

export const run = (shape: Shape) =>
  Effect.fnUntraced(function* (options: Case.Options) {
    const load = yield* Child.start<LoadQuestions, null>(new URL("../load/program.ts", import.meta.url))
    const rate = yield* throughput(shape, options, load)
    const times = yield* latency(shape, options, load)
    const eventsPerCoreSecond = median(rate.ours)
    const baseline = median(rate.baseline)
    const p99Ms = median(times.p99)
    const baselineP99 = median(times.baselineP99)
    const result: Result = {
      case: shape.name,
      log: (yield* World.World).log,
      rounds: options.rounds,
      eventsPerCoreSecond,
      baseline: { name: "bare server", eventsPerCoreSecond: baseline, p99Ms: baselineP99 },
      ratio: eventsPerCoreSecond / baseline,
      p50Ms: median(times.p50),
      p99Ms,
      p99Ratio: p99Ms / baselineP99
    }
    const notes = [
      `${(baseline / eventsPerCoreSecond).toFixed(2)} times the bare server's processor time; ` +
        `${Math.round(median(rate.oursPerSecond))} events/s with ${shape.connections} connections; ` +
        `rounds differ by a factor of ${spread(rate.ours).toFixed(2)}, the bare server's by ${spread(rate.baseline).toFixed(2)}`,
      ...rate.notes
    ]
    return { result, notes } satisfies Case.Finding
  }, Effect.scoped)
