/** A lane's consumer: what it commits and when, whatever is away, has a bug, or ends (spec worker 6.1, 6.2, 6.10). */
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Consume from "@tributary/pipeline/ingest/Consume"
import type { Ingest } from "@tributary/pipeline/ingest/Ingest"
import { EventLogError } from "@tributary/pipeline/service/EventLog"
import * as Health from "@tributary/pipeline/service/Health"
import { partitionKey } from "@tributary/pipeline/service/memory/ProgressMemory"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as World from "../support/IngestWorld.ts"
import { E, I } from "../support/Message.ts"

interface Options {
  readonly ingest?: Ingest<World.Services>
  readonly maxMessages?: number
}

/** A worker of the main lane; interrupting its fiber closes its scope. */
const start = (world: World.World, options: Options = {}) =>
  Effect.gen(function* () {
    const ingest = options.ingest ?? world.worker()
    const life = Consume.consume({
      name: "main",
      group: World.group,
      topic: Topics.events,
      maxMessages: options.maxMessages ?? 500,
      maxBytes: 16_000_000,
      process: (records) => ingest(World.group, records)
    }).pipe(Effect.andThen(Effect.never), Effect.scoped, world.provided)
    // Detached: a test that fails does not wait for the drain, whose clock stands still by then.
    const fiber = yield* Effect.forkDetach(life, { startImmediately: true })
    yield* TestClock.adjust("1 milli")
    return fiber
  })

const committed = (world: World.World) => world.log.committed(World.group, Topics.events, 0)
const stored = (world: World.World) => world.recordsOf(Topics.clickhouseEvents).length
const health = (world: World.World) =>
  world.provided(
    Health.Health.use(({ stalled, troubles }) => Effect.all({ stalled, troubles })).pipe(
      Effect.map(({ stalled, troubles }) => ({ stalled, away: troubles.map(({ engine }) => engine), troubles }))
    )
  )
const awayLines = (world: World.World) => world.lines.filter(({ text }) => text.includes(" is away"))

describe("a lane's consumer", () => {
  it.effect("takes what comes, and commits after it", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* start(world)
      yield* world.append([E("u"), E("v")])
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual([stored(world), committed(world)], [2, 2n])
    })
  )

  it.effect("takes partitions beside each other by time, so that of two warnings the first is told", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ partitions: 4 })
      const ids = ["a", "b", "c", "d", "e", "f", "g", "h"]
      for (const id of ids) {
        yield* world.append([I(id, 5)])
        yield* TestClock.adjust("1 milli")
      }
      // By partition they are others.
      assert.notDeepEqual(
        world.recordsOf(Topics.events).map(({ key }) => World.textOf(key).split(":")[1]),
        ids
      )
      const ran = yield* world.watching(Effect.andThen(start(world), TestClock.adjust("1 second")))
      assert.deepStrictEqual(
        ran.warnings.map(({ details, type }) => [type, details["distinctId"]]),
        [["invalid_anon_distinct_id", "a"]]
      )
      for (let partition = 0; partition < 4; partition++) {
        const end = world.log.end(Topics.events, partition)
        assert.strictEqual(world.log.committed(World.group, Topics.events, partition) ?? 0n, end)
      }
    })
  )

  it.effect("begins at the log's beginning where its group has never committed", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* world.append([E("u")])
      yield* start(world)
      yield* TestClock.adjust("50 millis")
      assert.strictEqual(committed(world), 1n)
    })
  )

  it.effect("H09: commits nothing before everything is acknowledged, and no later batch overtakes", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const acknowledged = yield* Deferred.make<void>()
      yield* world.append([E("u"), E("v"), E("w")])
      world.log.faults.acknowledge = Deferred.await(acknowledged)
      yield* start(world, { maxMessages: 1 })
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual([committed(world), stored(world)], [undefined, 1])
      yield* Deferred.succeed(acknowledged, undefined)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([committed(world), stored(world)], [3n, 3])
    })
  )

  it.effect("is alive while nothing comes", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* start(world)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* health(world), { stalled: [], away: [], troubles: [] })
    })
  )

  it.effect("H25: is alive over a long batch, and not once its loop has ended", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const fiber = yield* start(world, { ingest: () => Effect.sleep("10 minutes") })
      yield* world.append([E("u")])
      yield* TestClock.adjust("9 minutes")
      assert.deepStrictEqual((yield* health(world)).stalled, [])
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("61 seconds")
      assert.deepStrictEqual((yield* health(world)).stalled, ["main"])
    })
  )
})

describe("an engine that is away for minutes", () => {
  const away = (engine: string, leave: (world: World.World) => void, comeBack: (world: World.World) => void) =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* start(world)
      yield* world.append([E("u", { set: { a: 1 } }), I("alice", "u")])
      leave(world)
      yield* TestClock.adjust("10 minutes")
      assert.isUndefined(committed(world))
      const meanwhile = yield* health(world)
      assert.deepStrictEqual([meanwhile.away, meanwhile.stalled], [[engine], []])
      assert.isBelow(meanwhile.troubles[0]!.since, 60_000)
      assert.notStrictEqual(meanwhile.troubles[0]!.reason, "")
      // The first at once, then one a minute.
      assert.isAtLeast(awayLines(world).length, 8)
      assert.isAtMost(awayLines(world).length, 11)
      comeBack(world)
      yield* TestClock.adjust("13 seconds")
      assert.deepStrictEqual((yield* health(world)).away, [])
      assert.isTrue(world.lines.some(({ text }) => text === `${engine} is back`))
      assert.deepStrictEqual([committed(world), world.recordsOf(Topics.deadLetters).length], [2n, 0])
      assert.isAtLeast(stored(world), 2)
      assert.deepStrictEqual([...world.tables.persons.values()].length, 1)
      return world
    })

  it.effect("H02: PostgreSQL: nothing is committed, readiness says why, and it goes on when it is back", () =>
    Effect.gen(function* () {
      const world = yield* away(
        "PostgreSQL",
        (world) => void (world.gate.isAway.postgres = true),
        (world) => void (world.gate.isAway.postgres = false)
      )
      assert.strictEqual(stored(world), 2)
    })
  )

  it.effect("H03: the log at emit: the same", () =>
    away(
      "the log",
      (world) => void (world.gate.isAway.log = true),
      (world) => void (world.gate.isAway.log = false)
    )
  )

  const unreachable = Effect.fail(new EventLogError({ operation: "poll", cause: new Error("no broker") }))

  it.effect("the log at the commit: the same, and the batch is not done again", () =>
    Effect.gen(function* () {
      const world = yield* away(
        "the log",
        (world) => void (world.log.faults.commit = unreachable),
        (world) => void (world.log.faults.commit = Effect.void)
      )
      assert.strictEqual(stored(world), 2)
    })
  )

  it.effect("the log at the poll: the same", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.log.faults.poll = unreachable
      yield* start(world)
      yield* world.append([E("u")])
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual([committed(world), (yield* health(world)).away], [undefined, ["the log"]])
      assert.deepStrictEqual((yield* health(world)).stalled, [])
      world.log.faults.poll = Effect.void
      yield* TestClock.adjust("13 seconds")
      assert.deepStrictEqual([committed(world), (yield* health(world)).away], [1n, []])
    })
  )

  it.effect("H01: PostgreSQL away for a second delays a batch, and does nothing else", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* start(world)
      world.gate.isAway.postgres = true
      yield* world.append([E("u")])
      yield* TestClock.adjust("1 second")
      world.gate.isAway.postgres = false
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual([committed(world), stored(world), world.tables.persons.size], [1n, 1, 1])
    })
  )
})

describe("a bug in a stage", () => {
  it.effect("has the batch delivered again after a pause, and passes nothing over", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ingest = world.worker()
      const seen: Array<string> = []
      yield* start(world, {
        maxMessages: 2,
        ingest: (group, records) =>
          Effect.suspend(() => {
            seen.push(records.map(({ offset }) => offset).join(","))
            if (seen.length === 2 || seen.length === 3) throw new Error("a bug")
            return ingest(group, records)
          })
      })
      yield* world.append([E("a"), E("b"), E("c"), E("d"), E("e")])
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(committed(world), 2n)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(committed(world), 2n)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(committed(world), 5n)
      assert.deepStrictEqual(seen, ["0,1", "2,3", "2,3", "2,3", "4"])
      assert.strictEqual(stored(world), 5)
      assert.isTrue(world.lines.some(({ level, text }) => level === "Error" && text.includes("delivered again")))
    })
  )
})

describe("the end of a consumer's scope", () => {
  it.effect("H28: finishes the batch in hand, commits it, and takes no other", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ingest = world.worker()
      const fiber = yield* start(world, {
        maxMessages: 1,
        ingest: (group, records) => Effect.andThen(Effect.sleep("10 seconds"), ingest(group, records))
      })
      yield* world.append([E("u"), E("v")])
      yield* TestClock.adjust("5 seconds")
      const ending = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(ending.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(ending)
      assert.deepStrictEqual([committed(world), stored(world)], [1n, 1])
    })
  )

  it.effect("does not wait for ever: after 18 s the batch is left to whoever comes next", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const fiber = yield* start(world, { ingest: () => Effect.never })
      yield* world.append([E("u")])
      yield* TestClock.adjust("1 second")
      const ending = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust("17 seconds")
      assert.isUndefined(ending.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(ending)
      assert.isUndefined(committed(world))
      yield* start(world)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([committed(world), stored(world)], [1n, 1])
    })
  )

  it.effect("comes at once where nothing is in hand, also while the log is away or a bug is waited out", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const idle = yield* start(world)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(idle)
      world.log.faults.poll = Effect.fail(new EventLogError({ operation: "poll", cause: new Error("no broker") }))
      const waiting = yield* start(world)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.interrupt(waiting)
      world.log.faults.poll = Effect.void
      const pausing = yield* start(world, { ingest: () => Effect.die(new Error("a bug")) })
      yield* world.append([E("u")])
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(pausing)
      assert.isUndefined(committed(world))
    })
  )
})

describe("at assignment", () => {
  const row = (world: World.World) =>
    world.tables.progress.rows.get(partitionKey(World.group, Topics.events, 0))?.nextOffset

  /** A worker that is stopped after it has done some messages, of which one is a remembered dead letter. */
  const worked = Effect.gen(function* () {
    const world = yield* World.make()
    const fiber = yield* start(world)
    world.gate.transact = (work) => (work.names.some(({ distinctId }) => distinctId === "bad") ? "Refused" : undefined)
    yield* world.append([E("u"), E("bad"), E("v")])
    yield* TestClock.adjust("1 second")
    yield* Fiber.interrupt(fiber)
    world.gate.transact = () => undefined
    assert.deepStrictEqual([committed(world), row(world), stored(world)], [3n, 3n, 2])
    return world
  })

  for (const count of [2, 5]) {
    it.effect(`H30: a topic that was made anew, and holds ${count} messages, is processed from its start`, () =>
      Effect.gen(function* () {
        const world = yield* worked
        world.log.recreate(Topics.events)
        yield* world.append(Array.from({ length: count }, (_, n) => E(`new${n}`)))
        yield* start(world)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([committed(world), row(world), stored(world)], [BigInt(count), BigInt(count), 2 + count])
        // The old topic's refusals are forgotten.
        assert.strictEqual(world.recordsOf(Topics.deadLetters).length, 1)
        assert.strictEqual(world.lines.filter(({ text }) => text.includes("made anew")).length, 1)
        for (let n = 0; n < count; n++) assert.isDefined(world.person(`new${n}`))
      })
    )
  }

  it.effect("H31: a log that was cut goes on at its end, with an alarm", () =>
    Effect.gen(function* () {
      const world = yield* worked
      world.log.cut(Topics.events, 0, 1n)
      yield* start(world)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(row(world), 1n)
      assert.isTrue(world.lines.some(({ level, text }) => level === "Error" && text.includes("it was cut")))
      yield* world.append([E("w"), E("x"), E("y")])
      yield* TestClock.adjust("1 second")
      for (const id of ["w", "x", "y"]) assert.isDefined(world.person(id))
    })
  )

  it.effect("what was redirected before is not redirected again, and what was not is lost to nobody", () =>
    Effect.gen(function* () {
      const restrictions = { force_overflow: "phc_1:hot" }
      const world = yield* World.make({ restrictions, settings: { overflowEnabled: true } })
      const lane = () => world.recordsOf(Topics.eventsOverflow).length
      world.log.faults.commit = Effect.never
      const first = yield* start(world)
      yield* world.append([E("hot", { set: { a: 1 } }), E("u")])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([lane(), row(world), committed(world)], [1, 2n, undefined])
      yield* Effect.forkChild(Fiber.interrupt(first))
      yield* TestClock.adjust("1 minute")
      world.log.faults.commit = Effect.void
      yield* start(world)
      yield* world.append([E("hot")])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([lane(), row(world), committed(world)], [2, 3n, 3n])
      const events = world.recordsOf(Topics.clickhouseEvents).map(({ value }) => JSON.parse(World.textOf(value)))
      assert.deepStrictEqual(
        events.map(({ distinct_id }) => distinct_id),
        ["u", "hot", "u"]
      )
      // Its lane has not been read yet: nothing of it was applied here.
      assert.isUndefined(world.person("hot"))
    })
  )

  it.effect("a second worker takes its share of the partitions over, and nothing is applied twice", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ partitions: 4 })
      yield* start(world, { maxMessages: 3 })
      const batch = (from: number) => Array.from({ length: 20 }, (_, n) => E(`u${n}`, { set: { n: [from + n] } }))
      yield* world.append(batch(0))
      yield* TestClock.adjust("1 second")
      yield* start(world, { maxMessages: 3 })
      yield* world.append(batch(100))
      yield* TestClock.adjust("1 minute")
      world.log.rebalance(World.group)
      yield* world.append(batch(200))
      yield* TestClock.adjust("1 minute")
      for (let n = 0; n < 20; n++) {
        assert.deepStrictEqual(world.propertiesOf(`u${n}`), { n: [200 + n] })
        // A list is written each time it is set: a version more would be a message that was applied twice.
        assert.strictEqual(world.person(`u${n}`)?.version, 2)
      }
      assert.isAtLeast(stored(world), 60)
      for (let partition = 0; partition < 4; partition++) {
        const end = world.log.end(Topics.events, partition)
        assert.strictEqual(world.log.committed(World.group, Topics.events, partition) ?? 0n, end)
      }
    })
  )
})
