/**
 * A worker that dies at any call of a service, and another that takes over: nothing is lost, nothing happens to people twice
 * (spec worker 6.9, 9.2: P28, P29, P37, P41).
 */
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Consume from "@tributary/pipeline/ingest/Consume"
import * as Sweep from "@tributary/pipeline/ingest/Sweep"
import { Arbitrary, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Draft, messageOf, stateOf, withPoison } from "../support/Histories.ts"
import * as World from "../support/IngestWorld.ts"

const group = World.group

/** A process: it consumes and sweeps until it is interrupted. */
const process = (world: World.World) => {
  const ingest = world.worker()
  const consuming = Consume.consume({
    name: "main",
    group,
    topic: Topics.events,
    maxMessages: 3,
    maxBytes: 16_000_000,
    process: (records) => ingest(group, records)
  })
  return Effect.andThen(consuming, Sweep.run).pipe(Effect.scoped, world.provided)
}

/** What there is in the end, each once. */
const endOf = (world: World.World) => {
  const values = (topic: string) => [...new Set(world.recordsOf(topic).map(({ value }) => World.textOf(value)))].sort()
  return {
    ...stateOf(world),
    persons: stateOf(world).persons,
    personMessages: values(Topics.clickhousePerson),
    mappingMessages: values(Topics.clickhousePersonDistinctId),
    groupMessages: values(Topics.clickhouseGroups),
    events: [...new Set(world.recordsOf(Topics.clickhouseEvents).map(({ key }) => World.textOf(key)))].sort(),
    letters: [...new Set(lettersOf(world))].sort(),
    outbox: world.tables.outbox.size,
    committed: world.log.committed(group, Topics.events, 0)
  }
}

const lettersOf = (world: World.World): ReadonlyArray<string> =>
  world.recordsOf(Topics.deadLetters).map(({ headers }) => {
    const all = new Map(headers)
    return `${all.get("dlq_offset")} ${all.get("dlq_reason")}`
  })

/** P28: messages below what is committed that are not dropped, and that nothing in the log answers. */
const unanswered = (world: World.World, history: ReadonlyArray<Draft>): ReadonlyArray<number> => {
  const committed = world.log.committed(group, Topics.events, 0) ?? 0n
  const events = new Set(world.recordsOf(Topics.clickhouseEvents).map(({ key }) => World.textOf(key)))
  const letters = new Set(lettersOf(world).map((letter) => letter.split(" ")[0]))
  return history.slice(0, Number(committed)).flatMap((draft, n) => {
    const uuid = new Map(messageOf(draft, n).headers).get("uuid")
    return draft.kind === "nobody" || events.has(String(uuid)) || letters.has(String(n)) ? [] : [n]
  })
}

/** Plays a history while the process dies at the calls given, counted over all its lives; answers how many calls there were. */
const play = (history: ReadonlyArray<Draft>, deaths: ReadonlySet<number>) =>
  Effect.gen(function* () {
    const world = yield* World.make({
      projects: [World.aProject(), World.aProject({ id: 2, apiToken: "phc_2" })],
      stages: withPoison
    })
    const committedTooSoon: Array<number> = []
    let calls = 0
    let isDead = false
    let isQuiet = true
    const step = (call: string) =>
      Effect.suspend(() => {
        if (call === "EventLog.commit") committedTooSoon.push(...unanswered(world, history))
        if (isQuiet || call === "EventLog.poll") return Effect.void
        calls += 1
        if (!deaths.has(calls)) return Effect.void
        isDead = true
        return Effect.interrupt
      })
    world.gate.before = step
    world.gate.after = step
    if (history.length > 0) yield* world.append(history.map(messageOf))
    let life = yield* Effect.forkDetach(process(world), { startImmediately: true })
    isQuiet = false
    const end = world.log.end(Topics.events, 0)
    for (let n = 0; n < 60 && (world.log.committed(group, Topics.events, 0) ?? 0n) < end; n++) {
      yield* TestClock.adjust("1 second")
      if (!isDead) continue
      isDead = false
      // What is left of it is gone, too: a sweep in hand, timers.
      yield* Fiber.interrupt(life)
      life = yield* Effect.forkDetach(process(world), { startImmediately: true })
    }
    isQuiet = true
    // Whoever is left publishes what the dead left behind.
    yield* TestClock.adjust("2 minutes")
    yield* Fiber.interrupt(life)
    assert.deepStrictEqual(committedTooSoon, [])
    return { world, calls }
  })

const draft = (
  kind: Draft["kind"],
  who: Draft["who"],
  other: Draft["other"] = "x",
  value: Draft["value"] = 1
): Draft => ({
  kind,
  who,
  other,
  key: "a",
  value,
  token: "phc_1"
})

const history: ReadonlyArray<Draft> = [
  draft("E", "x"),
  draft("I", "alice", "x", 2),
  draft("GI", "alice"),
  draft("poison", "y"),
  draft("A", "bob"),
  draft("I", "bob", "y"),
  draft("bad", "x"),
  draft("I", "alice", "bob"),
  draft("nobody", "x"),
  draft("MD", "alice", "bob"),
  draft("E", "bob", "x", 0)
]

describe("a worker that dies", () => {
  it.effect("at any one call of a service leaves nothing undone and nothing done twice", () =>
    Effect.gen(function* () {
      const calm = yield* play(history, new Set())
      const expected = endOf(calm.world)
      assert.deepStrictEqual([expected.outbox, expected.committed], [0, BigInt(history.length)])
      assert.deepStrictEqual(
        [expected.events.length, expected.letters],
        [8, ["3 Processing error - non-retriable", "6 failed_parse_message"]]
      )
      assert.isAbove(calm.calls, 40)
      for (let at = 1; at <= calm.calls; at++) {
        const { world } = yield* play(history, new Set([at]))
        assert.deepStrictEqual(endOf(world), expected, `dying at call ${at}`)
      }
    })
  )

  it.effect.prop(
    "again and again, over any history, ends as one that lives",
    {
      history: Arbitrary.array(Arbitrary.schema(Draft), { maxLength: 10 }),
      deaths: Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 }))), {
        maxLength: 5
      })
    },
    ({ deaths, history }) =>
      Effect.gen(function* () {
        const calm = yield* play(history, new Set())
        const rough = yield* play(history, new Set(deaths))
        assert.deepStrictEqual(endOf(rough.world), endOf(calm.world))
      }),
    { arbitrary: { runs: 40 } }
  )
})
