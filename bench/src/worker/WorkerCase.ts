/**
 * A worker on one lane, round by round: the lane is filled while it rests, then it works until nothing is left. Beside it,
 * the limit: `JSON.parse` and `JSON.stringify` of the same events. At the end of a round there must be an event row for each
 * message, and as many people as the mix makes.
 */
import * as Topics from "@tributary/domain/row/Topics"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import { PersonsDatabase } from "@tributary/runtime-node/postgres/Database"
import * as Effect from "effect/Effect"
import * as Case from "../Case.ts"
import * as LogRange from "../LogRange.ts"
import * as Child from "../process/Child.ts"
import { median, type Result, spread } from "../Result.ts"
import * as World from "../World.ts"
import * as Lane from "./Lane.ts"
import type { LimitQuestions } from "./limit.ts"
import * as Mix from "./Mix.ts"
import * as People from "./People.ts"
import type { WorkerQuestions } from "./worker.ts"

const limitName = "JSON.parse and JSON.stringify"

/** Events of a round. */
const sizes: Readonly<Record<Mix.Name, number>> = { known: 20_000, new: 15_000, identify: 10_000, personless: 40_000 }

let runs = 1_000_000

export const rowContent = ({ value }: LogRecord): string => {
  const row = JSON.parse(Buffer.from(value ?? []).toString())
  return Mix.contentOf({ ...row, properties: JSON.parse(row.properties) })
}

/** People that the mix adds, as a number below zero where it takes some. */
const born = (mix: Mix.Name, count: number): number => (mix === "new" ? count : -Mix.merges(mix, count))

/** A worker of this lane, at rest. */
export const worker = Effect.fnUntraced(function* (topic: string) {
  const environment = { ...(yield* World.World).environment, BENCH_TOPIC: topic }
  return yield* Child.start<WorkerQuestions, null>(new URL("./worker.ts", import.meta.url), { environment })
})

/** Fills the lane, has it emptied, checks what came of it. */
export const round = Effect.fnUntraced(function* (child: Child.Child<WorkerQuestions, null>, wanted: Mix.Wanted) {
  const sql = yield* PersonsDatabase
  const world = yield* World.World
  const peopleBefore = yield* People.number
  yield* world.empty
  yield* Lane.fill(Lane.slices(wanted, Topics.events))
  yield* LogRange.pass(Topics.clickhouseEvents)
  const until = (yield* Lane.committed([child])) + wanted.count
  // What earlier rounds have left to write is written now, so that it falls on none.
  yield* sql.unsafe("CHECKPOINT")
  const began = performance.now()
  const work = Effect.andThen(child.ask("begin"), Lane.drained([child], until))
  const { coreSeconds } = yield* Child.spending([child], work)
  const seconds = (performance.now() - began) / 1000
  yield* child.ask("end")
  const got = yield* LogRange.summarise(Topics.clickhouseEvents, rowContent)
  const people = yield* People.number
  yield* Case.same(`people after ${wanted.mix}`, people, peopleBefore + born(wanted.mix, wanted.count))
  return { got, perCoreSecond: wanted.count / coreSeconds, perSecond: wanted.count / seconds }
})

export const run = (mix: Mix.Name) =>
  Effect.fnUntraced(function* (options: Case.Options) {
    yield* People.make
    // Cases before may have left messages there.
    yield* LogRange.pass(Topics.events, Lane.group)
    const ours = yield* worker(Topics.events)
    const limit = yield* Child.start<LimitQuestions, null>(new URL("./limit.ts", import.meta.url))
    const figures = { ours: [] as Array<number>, limit: [] as Array<number>, perSecond: [] as Array<number> }
    let unmerged = People.count
    const both = Effect.fnUntraced(function* (count: number) {
      const wanted: Mix.Wanted = { mix, run: runs++, count, at: Date.now(), unmerged }
      unmerged -= Mix.merges(mix, count)
      const one = yield* round(ours, wanted)
      const other = yield* limit.ask("measure", wanted)
      yield* Case.same(`worker-${mix}: events in and out`, one.got, other.summary)
      return { ...one, limit: count / (other.cpu / 1e6) }
    })
    yield* both(Math.ceil(sizes[mix] / 4))
    const rounds = Effect.gen(function* () {
      for (let n = 0; n < options.rounds; n++) {
        const { limit, perCoreSecond, perSecond } = yield* both(sizes[mix])
        figures.ours.push(perCoreSecond)
        figures.perSecond.push(perSecond)
        figures.limit.push(limit)
      }
    })
    const [, profile] = yield* Case.profiled(options, `worker-${mix}`, ours, rounds)
    const eventsPerCoreSecond = median(figures.ours)
    const bound = { name: limitName, eventsPerCoreSecond: median(figures.limit) }
    const result: Result = {
      case: `worker-${mix}`,
      log: (yield* World.World).log,
      rounds: options.rounds,
      eventsPerCoreSecond,
      baseline: bound,
      ratio: eventsPerCoreSecond / bound.eventsPerCoreSecond,
      limit: bound
    }
    const notes = [
      `${Math.round(1e6 / eventsPerCoreSecond)} µs of processor time an event; ${Math.round(median(figures.perSecond))} events/s; ` +
        `rounds differ by a factor of ${spread(figures.ours).toFixed(2)}`,
      ...profile
    ]
    return { result, notes } satisfies Case.Finding
  }, Effect.scoped)
