/** What leaves the worker is acknowledged first, and what the log refuses finds its place (spec worker 6.2, 6.3, 6.6, 6.8). */
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Health from "@tributary/pipeline/service/Health"
import { header, type LogMessage } from "@tributary/pipeline/service/LogMessage"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as World from "../support/IngestWorld.ts"
import { E, GI, I, message, minutes, T0, withValue } from "../support/Message.ts"

const types = (ran: World.Ran) => ran.warnings.map(({ type }) => type)
const refusing = (topic: string) => (message: LogMessage) => (message.topic === topic ? "no" : undefined)

/** Puts a message into the log that is larger than what the log would take from us. */
const appendLarge = (world: World.World, { headers, key, value }: LogMessage) => {
  const encode = (text: LogMessage["value"]) => (typeof text === "string" ? new TextEncoder().encode(text) : text)
  world.log.append(Topics.events, 0, {
    key: key === null ? null : encode(key),
    value: encode(value),
    headers,
    timestamp: T0
  })
  return world.recordsOf(Topics.events).at(-1)!
}

const large = (bytes: number) => "x".repeat(bytes)
const limit = 8 * 1024 * 1024

describe("what the log refuses", () => {
  it.effect("H04: an event above the limit is a dead letter with its bytes, and a warning; the others are stored", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const [before] = yield* world.append([E("a")])
      const record = appendLarge(world, E("u", { big: large(limit), set: { a: 1 } }))
      const [after] = yield* world.append([E("b")])
      const ran = yield* world.deliver([before!, record, after!])
      assert.deepStrictEqual(
        ran.events.map(({ distinctId }) => distinctId),
        ["a", "b"]
      )
      assert.deepStrictEqual(ran.outcomes, ["dead_letter message_size_too_large 1", "stored 2"])
      assert.deepStrictEqual([ran.letters[0]?.reason, ran.letters[0]?.team], ["message_size_too_large", "1"])
      assert.deepStrictEqual(ran.letters[0]?.record.value, record.value)
      assert.deepStrictEqual(types(ran), ["message_size_too_large"])
      const { distinctId, eventUuid, step } = ran.warnings[0]?.details ?? {}
      assert.deepStrictEqual([distinctId, eventUuid, step], ["u", header(record.headers, "uuid"), "emit"])
      // It was processed all the same.
      assert.deepStrictEqual(world.propertiesOf("u"), { a: 1 })
    })
  )

  it.effect("H29: a dead letter above the limit is cut, and says so", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const record = appendLarge(world, E("u", { big: large(10 * 1024 * 1024) }))
      const ran = yield* world.deliver([record])
      const [letter] = ran.letters
      assert.deepStrictEqual([ran.letters.length, letter?.reason], [1, "message_size_too_large"])
      assert.strictEqual(letter?.record.value?.length, 900_000)
      assert.strictEqual(header(letter!.record.headers, "dlq_truncated"), String(record.value!.length))
      assert.strictEqual(header(letter!.record.headers, "dlq_offset"), "0")
    })
  )

  it.effect("an event refused for another reason is a dead letter without a word of size", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.log.faults.refuse = (message) =>
        message.topic === Topics.clickhouseEvents && String(message.value).includes('"distinct_id":"u"')
          ? "no"
          : undefined
      const ran = yield* world.run(E("u"), E("v"))
      assert.deepStrictEqual(ran.outcomes, ["dead_letter Processing error - non-retriable 1", "stored 1"])
      assert.deepStrictEqual([ran.letters[0]?.error, types(ran)], ["no", []])
    })
  )

  it.effect("an outbox row stays, is marked, and an alarm counts it; the event is stored", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* world.run(E("t", { $process_person_profile: false }))
      // An alarm on its rise needs it to have been there.
      assert.strictEqual((yield* world.counts).get("outbox_refused_total"), 0)
      world.log.faults.refuse = refusing(Topics.clickhousePerson)
      const ran = yield* world.run(E("u"))
      assert.deepStrictEqual([ran.outcomes, ran.told], [["stored 1"], ["DM u v0"]])
      assert.deepStrictEqual(
        [...world.tables.outbox.values()].map(({ isRefused, topic }) => [topic, isRefused]),
        [[Topics.clickhousePerson, true]]
      )
      assert.strictEqual((yield* world.counts).get("outbox_refused_total"), 1)
      assert.isTrue(world.lines.some(({ level, text }) => level === "Error" && text.includes("ClickHouse lacks them")))
    })
  )

  it.effect("a group too large for the log is told of in a warning", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.deliver([appendLarge(world, GI("org", "acme", { big: large(limit) }))])
      assert.deepStrictEqual(types(ran).sort(), ["group_upsert_message_size_too_large", "message_size_too_large"])
      const warning = ran.warnings.find(({ type }) => type.startsWith("group"))
      assert.deepInclude(warning?.details, { groupTypeIndex: 0, groupKey: "acme" })
      assert.strictEqual(world.tables.groups.size, 1)
      assert.deepStrictEqual(ran.told, [`PM ${World.personUuid("u")} v0`, "DM u v0"])
    })
  )

  for (const topic of [Topics.clickhouseIngestionWarnings, Topics.clickhouseHeatmaps]) {
    it.effect(`a topic of notes that refuses (${topic}) is counted and holds up nothing`, () =>
      Effect.gen(function* () {
        const world = yield* World.make({ projects: [World.aProject({ heatmapsOptIn: true })] })
        world.log.faults.refuse = refusing(topic)
        const ran = yield* world.run(
          E("u", {
            $session_id: "hello",
            $heatmap_data: { "https://x.y": [{ x: 1, y: 1, type: "click", target_fixed: true }] },
            $viewport_width: 1,
            $viewport_height: 1
          })
        )
        assert.deepStrictEqual([ran.outcomes, ran.letters.length], [["stored 1"], 0])
        assert.strictEqual((yield* world.counts).get("ingestion_notes_refused_total"), 1)
      })
    )
  }

  it.effect("a message that its new lane refuses is a dead letter, and not lost", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        restrictions: { force_overflow: "phc_1" },
        settings: { overflowEnabled: true }
      })
      world.log.faults.refuse = refusing(Topics.eventsOverflow)
      const ran = yield* world.run(E("u"), E("v", {}, { token: "phc_nobody" }))
      assert.deepStrictEqual(ran.outcomes, [
        "dead_letter Processing error - non-retriable 1",
        "dropped invalid_token 1"
      ])
      assert.strictEqual(ran.letters[0]?.error, "no")
    })
  )

  it.effect("H27: dead letters that their topic refuses hold up the batch until it takes them", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.log.faults.refuse = refusing(Topics.deadLetters)
      const sent = withValue(E("u"), "broken")
      const running = yield* Effect.forkChild(world.run(sent, E("v")), { startImmediately: true })
      yield* TestClock.adjust("5 minutes")
      assert.isUndefined(running.pollUnsafe())
      const troubles = yield* world.provided(Health.Health.use(({ troubles }) => troubles))
      assert.deepStrictEqual(
        troubles.map(({ engine }) => engine),
        ["the log"]
      )
      assert.include(troubles[0]?.reason, "refuses a letter")
      // What was taken is not written over and over meanwhile.
      assert.strictEqual(world.recordsOf(Topics.clickhouseEvents).length, 1)
      world.log.faults.refuse = () => undefined
      yield* TestClock.adjust("1 minute")
      const ran = yield* Fiber.join(running)
      assert.deepStrictEqual(ran.outcomes, ["dead_letter failed_parse_message 1", "stored 1"])
      assert.strictEqual(World.textOf(ran.letters[0]!.record.value), "broken")
      assert.isUndefined(header(ran.letters[0]!.record.headers, "dlq_truncated"))
    })
  )
})

describe("dead letters", () => {
  it.effect("H05: a letter is the message, with its reason, project and place", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* world.run(E("first"))
      world.gate.transact = ({ names }) => (names.length > 0 ? "Refused" : undefined)
      const sent = E("u")
      const ran = yield* world.run(sent)
      const { headers, key, value } = ran.letters[0]!.record
      assert.deepStrictEqual([World.textOf(key), World.textOf(value)], [sent.key, sent.value])
      assert.deepStrictEqual(headers, [
        ...sent.headers,
        ["dlq_reason", "Processing error - non-retriable"],
        ["dlq_step", "persons"],
        ["dlq_error", "refused"],
        ["dlq_timestamp", "1970-01-01T00:00:00.000Z"],
        ["dlq_topic", Topics.events],
        ["dlq_partition", "0"],
        ["dlq_offset", "1"],
        ["dlq_team_id", "1"]
      ])
    })
  )

  it.effect("messages without a value, or with an empty one, are letters that say so", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      for (const value of [null, new Uint8Array()]) {
        world.log.append(Topics.events, 0, { key: null, value, headers: E("u").headers, timestamp: T0 })
      }
      const ran = yield* world.deliver(world.recordsOf(Topics.events))
      assert.deepStrictEqual(ran.outcomes, ["dead_letter failed_parse_message 2"])
      assert.deepStrictEqual(
        ran.letters.map(({ record }) => [record.value, header(record.headers, "dlq_empty"), record.key]),
        [
          [new Uint8Array(1), "null", null],
          [new Uint8Array(1), "empty", null]
        ]
      )
    })
  )

  it.effect("H22: one bad message among 499 good ones is one letter", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const batch = Array.from({ length: 500 }, (_, n) => E(`u${n % 7}`, { n }))
      batch[250] = withValue(batch[250]!, "{")
      const ran = yield* world.run(...batch)
      assert.deepStrictEqual(ran.outcomes, ["dead_letter failed_parse_message 1", "stored 499"])
      assert.deepStrictEqual([ran.events.length, ran.letters.length], [499, 1])
    })
  )

  it.effect("H07: events of one person are applied in the order of the log", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(...Array.from({ length: 100 }, (_, n) => E("u", { set: { n } })))
      assert.deepStrictEqual(world.propertiesOf("u"), { n: 99 })
      assert.deepStrictEqual(
        ran.events.map(({ personProperties }) => personProperties["n"]),
        Array.from({ length: 100 }, (_, n) => n)
      )
    })
  )
})

describe("acknowledgements", () => {
  it.effect("the outbox forgets its rows only when the log has taken all of the batch", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const acknowledged = yield* Deferred.make<void>()
      const [record] = yield* world.append([E("u")])
      world.log.faults.acknowledge = Deferred.await(acknowledged)
      const running = yield* Effect.forkChild(world.deliver([record!]), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(running.pollUnsafe())
      assert.strictEqual(world.tables.outbox.size, 2)
      yield* Deferred.succeed(acknowledged, undefined)
      const ran = yield* Fiber.join(running)
      assert.deepStrictEqual([ran.outcomes, world.tables.outbox.size], [["stored 1"], 0])
    })
  )

  it.effect("events, letters, warnings and the outbox travel in one append", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      let sends = 0
      world.gate.before = (call) => Effect.sync(() => void (sends += call === "Producer.send" ? 1 : 0))
      yield* world.run(E("u", { $session_id: "hello" }), withValue(E("u"), "{"), message("$identify", "v"))
      assert.strictEqual(sends, 1)
    })
  )

  it.effect("a redirected message is in its lane before the progress passes it", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        restrictions: { force_overflow: "phc_1:u" },
        settings: { overflowEnabled: true }
      })
      const calls: Array<string> = []
      world.gate.before = (call) => Effect.sync(() => void calls.push(call))
      world.gate.after = (call) => Effect.sync(() => void calls.push(`${call} done`))
      yield* world.run(E("u"), E("v"))
      assert.isBelow(calls.indexOf("Producer.send done"), calls.indexOf("PersonStore.transact"))
    })
  )
})

describe("warnings", () => {
  const unreadable = (distinctId: string, token = "phc_1") =>
    E(distinctId, {}, { token, envelope: { timestamp: "yesterday-ish" } })

  it.effect("H19: one an hour of a type and project, counted all the same", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(...Array.from({ length: 4 }, () => unreadable("u")))
      yield* TestClock.adjust("59 minutes")
      const later = yield* world.run(unreadable("u"))
      yield* TestClock.adjust("1 minute")
      const next = yield* world.run(unreadable("u"))
      assert.deepStrictEqual([types(ran).length, types(later).length, types(next).length], [1, 0, 1])
      const counts = yield* world.counts
      assert.deepStrictEqual(
        [counts.get("ingestion_warnings_total emitted"), counts.get("ingestion_warnings_total suppressed")],
        [2, 4]
      )
    })
  )

  it.effect("H20: refused merges are told of each time", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* world.run(I("alice", "a"), I("bob", "b"))
      const ran = yield* world.run(...Array.from({ length: 5 }, () => I("alice", "bob")))
      assert.deepStrictEqual(
        types(ran),
        Array.from({ length: 5 }, () => "cannot_merge_already_identified")
      )
    })
  )

  it.effect("H21: projects and keys have their own hour", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: [World.aProject(), World.aProject({ id: 2, apiToken: "phc_2" })] })
      const teams = yield* world.run(unreadable("u"), unreadable("u"), unreadable("u", "phc_2"))
      assert.deepStrictEqual(
        teams.warnings.map(({ team_id }) => team_id),
        [1, 2]
      )
      const keys = yield* world.run(GI("org", "a", "x"), GI("org", "a", "x"), GI("org", "b", "x"))
      assert.deepStrictEqual(
        keys.warnings.map(({ details, type }) => [type, details["groupKey"]]),
        [
          ["invalid_group_set", "a"],
          ["invalid_group_set", "b"]
        ]
      )
    })
  )

  it.effect("a warning has category, severity and step that no client can set, and no key", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* TestClock.setTime(T0 + minutes(1) + 123)
      const details = { category: "x", severity: "y", pipelineStep: "z", own: 1 }
      const ran = yield* world.run(
        message("$$client_ingestion_warning", "u", {
          $$client_ingestion_warning_type: "empty_batch",
          $$client_ingestion_warning_details: details,
          $$client_ingestion_warning_source: "capture"
        })
      )
      const { details: told, ...warning } = ran.warnings[0]!
      assert.deepStrictEqual(warning, {
        team_id: 1,
        type: "empty_batch",
        source: "capture",
        timestamp: "2024-05-01 10:01:00.123"
      })
      assert.deepInclude(told, { own: 1, category: "event", severity: "error" })
      assert.isNull(world.recordsOf(Topics.clickhouseIngestionWarnings)[0]?.key)
    })
  )
})
