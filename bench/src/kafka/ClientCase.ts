/**
 * The default Kafka client beside kafkajs, both under our `Producer` and `EventLog` with the compression that is each one's
 * default (`KAFKA_COMPRESSION` sets one for both): processor time to have messages acknowledged, and to read and commit them.
 */
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as Effect from "effect/Effect"
import * as Case from "../Case.ts"
import * as LogRange from "../LogRange.ts"
import * as Child from "../process/Child.ts"
import { median, type Result, spread } from "../Result.ts"
import { World } from "../World.ts"
import * as Lane from "../worker/Lane.ts"
import type * as Mix from "../worker/Mix.ts"
import * as People from "../worker/People.ts"
import type { ClientQuestions } from "./client.ts"

interface Client {
  readonly name: "platformatic" | "kafkajs"
  readonly child: Child.Child<ClientQuestions, null>
}

const start = Effect.fnUntraced(function* (name: Client["name"]) {
  const environment = { ...(yield* World).environment, KAFKA_CLIENT: name }
  const child = yield* Child.start<ClientQuestions, null>(new URL("./client.ts", import.meta.url), { environment })
  return { name, child } satisfies Client
})

const contentOf = ({ value }: LogRecord): string => Buffer.from(value ?? []).toString("latin1")

const timed = Effect.fnUntraced(function* <E, R>({ child }: Client, count: number, work: Effect.Effect<unknown, E, R>) {
  const began = performance.now()
  const { coreSeconds } = yield* Child.spending([child], work)
  return { perCoreSecond: count / coreSeconds, perSecond: (count * 1000) / (performance.now() - began) }
})

const produce = Effect.fnUntraced(function* (client: Client, topic: string, wanted: Mix.Wanted) {
  yield* client.child.ask("prepare", { topic, ...wanted })
  yield* LogRange.pass(topic)
  const figures = yield* timed(client, wanted.count, client.child.ask("produce"))
  return { ...figures, summary: yield* LogRange.summarise(topic, contentOf) }
})

const consume = Effect.fnUntraced(function* (client: Client, topic: string, { count }: Mix.Wanted) {
  const work = client.child.ask("consume", { topic, group: `${topic}-${client.name}`, count })
  const figures = yield* timed(client, count, work)
  return { ...figures, summary: yield* client.child.ask("summary") }
})

const count = 40_000

let runs = 7_000_000

export const run = (what: "produce" | "consume") =>
  Effect.fnUntraced(function* (options: Case.Options) {
    const name = `kafka-${what}`
    const topic = `bench_${what}`
    const { log, makeTopic } = yield* World
    yield* makeTopic(topic, 4)
    const clients = { ours: yield* start("platformatic"), other: yield* start("kafkajs") }
    const both = Effect.gen(function* () {
      const wanted: Mix.Wanted = { mix: "known", run: runs++, count, at: Date.now(), unmerged: People.count }
      if (what === "consume") yield* Lane.fill(Lane.slices(wanted, topic))
      const measure = what === "consume" ? consume : produce
      const ours = yield* measure(clients.ours, topic, wanted)
      const other = yield* measure(clients.other, topic, wanted)
      yield* Case.same(`${name}: messages of both clients`, ours.summary, other.summary)
      return { ours, other }
    })
    yield* both
    const all = Effect.forEach(Array.from({ length: options.rounds }), () => both)
    const profileOther = Case.profiled(options, `${name}-kafkajs`, clients.other.child, all)
    const [[rounds, second], first] = yield* Case.profiled(
      options,
      `${name}-platformatic`,
      clients.ours.child,
      profileOther
    )
    const of = (figure: (one: (typeof rounds)[number]) => number): number => median(rounds.map(figure))
    const eventsPerCoreSecond = of(({ ours }) => ours.perCoreSecond)
    const baseline = of(({ other }) => other.perCoreSecond)
    const result: Result = {
      case: name,
      log,
      rounds: options.rounds,
      eventsPerCoreSecond,
      baseline: { name: "kafkajs", eventsPerCoreSecond: baseline, eventsPerSecond: of(({ other }) => other.perSecond) },
      ratio: eventsPerCoreSecond / baseline,
      eventsPerSecond: of(({ ours }) => ours.perSecond)
    }
    const notes = [
      `${(1e6 / eventsPerCoreSecond).toFixed(1)} µs of processor time an event with @platformatic/kafka, ` +
        `${(1e6 / baseline).toFixed(1)} µs with kafkajs; rounds differ by a factor of ` +
        `${spread(rounds.map(({ ours }) => ours.perCoreSecond)).toFixed(2)} and ${spread(rounds.map(({ other }) => other.perCoreSecond)).toFixed(2)}`,
      ...first,
      ...second
    ]
    return { result, notes } satisfies Case.Finding
  }, Effect.scoped)
