/** What every layer of `PersonStore` promises, told by folds that are written out by hand. The clock is real. */
import { assert, layer } from "@effect/vitest"
import type { Position } from "@tributary/domain/event/Position"
import type { Properties } from "@tributary/domain/event/Properties"
import * as Uuid from "@tributary/domain/event/Uuid"
import type { Mapping } from "@tributary/domain/person/Person"
import {
  type Changes,
  type GroupWrite,
  type OutboxMessage,
  type PersonCreation,
  type Snapshot,
  unchanged,
  type Work
} from "@tributary/domain/person/Snapshot"
import { type OutboxRow, PersonStore } from "@tributary/pipeline/service/PersonStore"
import { Cause, Effect, Exit, type Layer } from "effect"

let used = 100
/** A team of its own for each test: the layer is shared. */
const aTeam = () => used++

const born = Date.UTC(2026, 0, 1, 12)

export const aWork = (partial: Partial<Work>): Work => ({
  group: "events-ingestion-consumer",
  progress: [],
  names: [],
  looks: [],
  groups: [],
  countIdsUpTo: 0,
  ...partial
})

export const aPerson = (
  team: number,
  distinctId: string,
  properties: Properties = {},
  partial: Partial<PersonCreation> = {}
): PersonCreation => ({
  team,
  uuid: Uuid.personUuid(team, distinctId),
  createdAt: born,
  properties,
  json: JSON.stringify(properties),
  isIdentified: false,
  version: 0,
  lastSeenAt: null,
  lastUpdatedAt: {},
  lastOperation: {},
  ...partial
})

export const aMapping = (team: number, distinctId: string, of = distinctId, version = 0): Mapping => ({
  team,
  distinctId,
  person: Uuid.personUuid(team, of),
  version
})

const aGroup = (team: number, key: string, properties: Properties, version: number): GroupWrite => ({
  team,
  index: 0,
  key,
  properties,
  json: JSON.stringify(properties),
  createdAt: born,
  version,
  isNew: version === 1
})

/** One batch whose fold answers with these changes, whatever it is shown. */
export const apply = (
  work: Partial<Work>,
  changes: Partial<Changes>,
  messages: (moved: ReadonlyArray<Mapping>) => ReadonlyArray<OutboxMessage> = () => []
) =>
  Effect.flatMap(PersonStore, (store) =>
    store.transact(aWork(work), () => ({ changes: { ...unchanged, ...changes }, result: undefined, messages }))
  )

/** What a batch of this work is shown; it changes nothing. */
export const see = <A>(work: Partial<Work>, f: (snapshot: Snapshot) => A) =>
  Effect.flatMap(PersonStore, (store) =>
    Effect.map(
      store.transact(aWork(work), (snapshot) => ({ changes: unchanged, result: f(snapshot), messages: () => [] })),
      ({ result }) => result
    )
  )

export const names = (team: number, ...distinctIds: ReadonlyArray<string>) =>
  distinctIds.map((distinctId) => ({ team, distinctId }))

/** Creates one person for each distinct id. */
export const createAll = (team: number, ...distinctIds: ReadonlyArray<string>) =>
  apply(
    { names: names(team, ...distinctIds) },
    { create: distinctIds.map((id) => aPerson(team, id)), attach: distinctIds.map((id) => aMapping(team, id)) }
  )

const at = (topic: string, offset: number, partition = 0): Position => ({ topic, partition, offset: BigInt(offset) })

const message = (topic: string, value: string): OutboxMessage => ({ topic, key: null, value })

/** Publishes what was left in the outbox under a topic; other tests' rows are none of its business and are refused. */
const sweep = (topic: string, olderThanMs = 0) =>
  Effect.gen(function* () {
    const store = yield* PersonStore
    const taken: Array<OutboxRow> = []
    yield* store.sweep(olderThanMs, (rows) =>
      Effect.sync(() => {
        const others = rows.filter((row) => row.topic !== topic).map((row) => row.id)
        if (others.length === 0) taken.push(...rows)
        return others
      })
    )
    return taken
  })

export const personStoreContract = (name: string, implementation: Layer.Layer<PersonStore, unknown>) =>
  layer(implementation, { excludeTestServices: true })(`PersonStore: ${name}`, (it) => {
    it.effect("a name that nobody has used is absent, with a floor of 0", () =>
      Effect.gen(function* () {
        const team = aTeam()
        const seen = yield* see({ names: names(team, "nobody") }, (s) => [
          s.person(team, "nobody"),
          s.floor(team, "nobody")
        ])
        assert.deepStrictEqual(seen, [undefined, 0])
      })
    )

    it.effect("a person that was created comes back as it was written", () =>
      Effect.gen(function* () {
        const team = aTeam()
        const properties = { list: [null, { deep: "☃" }], big: 1.5e300, text: '\u0001"\\' }
        const person = aPerson(team, "a", properties, {
          isIdentified: true,
          version: 7,
          lastSeenAt: born + 3_600_000
        })
        yield* apply({ names: names(team, "a") }, { create: [person], attach: [aMapping(team, "a", "a", 7)] })
        const found = yield* see({ names: names(team, "a") }, (s) => s.person(team, "a"))
        const { json: _json, lastOperation: _operation, lastUpdatedAt: _updated, ...row } = person
        assert.deepStrictEqual(found, { person: row, mapping: aMapping(team, "a", "a", 7) })
      })
    )

    it.effect("keys such as __proto__ are data", () =>
      Effect.gen(function* () {
        const team = aTeam()
        const json = '{"__proto__":{"a":1},"constructor":2}'
        const person = { ...aPerson(team, "a"), properties: JSON.parse(json), json }
        yield* apply({ names: names(team, "a") }, { create: [person], attach: [aMapping(team, "a")] })
        const found = yield* see({ names: names(team, "a") }, (s) => s.person(team, "a"))
        assert.strictEqual(JSON.stringify(found?.person.properties), json)
      })
    )

    it.effect("keys with escapes keep their names, whatever was read before", () =>
      Effect.gen(function* () {
        const team = aTeam()
        // In the order in which PostgreSQL keeps them: shorter keys first.
        const properties = { ["only here"]: 1, ["only here, too\n"]: 2 }
        const group = { team, index: 0, key: "acme" }
        const work = { names: names(team, "a"), groups: [group] }
        const person = aPerson(team, "a", properties)
        yield* apply(work, {
          create: [person],
          attach: [aMapping(team, "a")],
          groups: [aGroup(team, "acme", properties, 1)]
        })
        const before: unknown = JSON.parse('{"only here":1,"only here, too\\\\":1}')
        const seen = yield* see(work, (s) => [
          s.person(team, "a")?.person.properties,
          s.group(team, 0, "acme")?.properties
        ])
        assert.deepStrictEqual(seen, [properties, properties], `after ${JSON.stringify(before)}`)
      })
    )

    it.effect("one distinct id in two teams is two people", () =>
      Effect.gen(function* () {
        const [one, two] = [aTeam(), aTeam()]
        yield* createAll(one, "a")
        const both = [...names(one, "a"), ...names(two, "a")]
        const seen = yield* see({ names: both }, (s) => [s.person(one, "a")?.person.uuid, s.person(two, "a")])
        assert.deepStrictEqual(seen, [Uuid.personUuid(one, "a"), undefined])
      })
    )

    it.effect("names of any script and of 400 characters are told apart", () =>
      Effect.gen(function* () {
        const team = aTeam()
        const ids = ["Z", "a", "é", "z", "\ufffd", "𝒳", "☃".repeat(400), " ", "%", "'; --", "{a,b}", "null"]
        yield* createAll(team, ...ids)
        const seen = yield* see({ names: names(team, ...ids) }, (s) => ids.map((id) => s.person(team, id)?.mapping))
        assert.deepStrictEqual(
          seen,
          ids.map((id) => aMapping(team, id))
        )
      })
    )

    it.effect("an update replaces what a person has", () =>
      Effect.gen(function* () {
        const team = aTeam()
        yield* createAll(team, "a")
        const changed = aPerson(
          team,
          "a",
          { plan: "pro" },
          { version: 3, isIdentified: true, createdAt: born - 5, lastSeenAt: born }
        )
        yield* apply({ names: names(team, "a") }, { update: [changed] })
        const found = yield* see({ names: names(team, "a") }, (s) => s.person(team, "a")?.person)
        const { json: _json, lastOperation: _operation, lastUpdatedAt: _updated, ...row } = changed
        assert.deepStrictEqual(found, row)
      })
    )

    it.effect("a merge moves all distinct ids of the source, also those that the batch does not name", () =>
      Effect.gen(function* () {
        const team = aTeam()
        yield* createAll(team, "source", "target")
        yield* apply({ names: names(team, "source", "hidden") }, { attach: [aMapping(team, "hidden", "source", 1)] })
        let moved: ReadonlyArray<Mapping> = []
        yield* apply(
          { names: names(team, "source", "target") },
          {
            merge: [
              { team, source: Uuid.personUuid(team, "source"), target: Uuid.personUuid(team, "target"), moves: 1 }
            ],
            update: [aPerson(team, "target", {}, { version: 1 })]
          },
          (all) => {
            moved = all
            return []
          }
        )
        const expected = [aMapping(team, "hidden", "target", 2), aMapping(team, "source", "target", 1)]
        assert.deepStrictEqual(
          moved.toSorted((a, b) => (a.distinctId < b.distinctId ? -1 : 1)),
          expected
        )
        const seen = yield* see({ names: names(team, "source", "hidden") }, (s) => [
          s.person(team, "hidden"),
          s.person(team, "source")
        ])
        assert.deepStrictEqual(
          seen.map((found) => found?.mapping),
          expected
        )
        assert.strictEqual(seen[0]?.person.uuid, Uuid.personUuid(team, "target"))
      })
    )

    it.effect("a chain of merges in one batch counts each move, and new people and ids take part", () =>
      Effect.gen(function* () {
        const team = aTeam()
        yield* createAll(team, "a", "b")
        const target = Uuid.personUuid(team, "c")
        yield* apply(
          { names: names(team, "a", "b", "c", "d") },
          {
            create: [aPerson(team, "c")],
            attach: [aMapping(team, "c"), aMapping(team, "d", "c", 1)],
            merge: [
              { team, source: Uuid.personUuid(team, "a"), target, moves: 2 },
              { team, source: Uuid.personUuid(team, "b"), target, moves: 1 }
            ]
          }
        )
        const seen = yield* see({ names: names(team, "a", "b", "c", "d") }, (s) =>
          ["a", "b", "c", "d"].map((id) => s.person(team, id)?.mapping)
        )
        assert.deepStrictEqual(seen, [
          aMapping(team, "a", "c", 2),
          aMapping(team, "b", "c", 1),
          aMapping(team, "c"),
          aMapping(team, "d", "c", 1)
        ])
      })
    )

    it.effect("names that are only looked at are seen, too", () =>
      Effect.gen(function* () {
        const team = aTeam()
        yield* createAll(team, "a", "b")
        const work = { names: names(team, "a"), looks: names(team, "a", "b", "c") }
        const seen = yield* see(work, (s) => ["a", "b", "c"].map((id) => s.person(team, id)?.person.uuid))
        assert.deepStrictEqual(seen, [Uuid.personUuid(team, "a"), Uuid.personUuid(team, "b"), undefined])
      })
    )

    it.effect("distinct ids are counted up to one more than the limit, and only when asked", () =>
      Effect.gen(function* () {
        const team = aTeam()
        yield* createAll(team, "a", "b")
        const ids = ["a1", "a2", "a3", "a4"]
        yield* apply({ names: names(team, "a", ...ids) }, { attach: ids.map((id) => aMapping(team, id, "a", 1)) })
        const counts = (countIdsUpTo: number) =>
          see({ names: names(team, "a", "b"), countIdsUpTo }, (s) =>
            ["a", "b"].map((id) => s.idCount(team, Uuid.personUuid(team, id)))
          )
        assert.deepStrictEqual(yield* counts(3), [4, 1])
        assert.deepStrictEqual(yield* counts(10), [5, 1])
        assert.deepStrictEqual(yield* counts(0), [0, 0])
      })
    )

    it.effect("groups are created, changed and told apart by team, index and key", () =>
      Effect.gen(function* () {
        const team = aTeam()
        const named = [
          { team, index: 0, key: "acme" },
          { team, index: 1, key: "acme" },
          { team, index: 0, key: "Acme" }
        ]
        yield* apply({ groups: named }, { groups: [aGroup(team, "acme", { plan: "free" }, 1)] })
        yield* apply(
          { groups: named },
          { groups: [aGroup(team, "Acme", {}, 1), aGroup(team, "acme", { plan: "pro" }, 2)] }
        )
        const seen = yield* see({ groups: named }, (s) => named.map((g) => s.group(g.team, g.index, g.key)))
        const { isNew: _isNew, json: _json, ...acme } = aGroup(team, "acme", { plan: "pro" }, 2)
        assert.deepStrictEqual(seen[0], acme)
        assert.isUndefined(seen[1])
        assert.strictEqual(seen[2]?.version, 1)
      })
    )

    it.effect("a message is applied once its batch is in, with all that come before it", () =>
      Effect.gen(function* () {
        const topic = `topic-${aTeam()}`
        const positions = [at(topic, 5), at(topic, 4), at(topic, 0, 1)]
        const isApplied = (s: Snapshot) =>
          [at(topic, 3), at(topic, 5), at(topic, 6), at(topic, 0, 1), at(topic, 1, 1)].map(s.applied)
        assert.deepStrictEqual(yield* see({ progress: positions }, isApplied), [false, false, false, false, false])
        const again = { progress: [at(topic, 4), at(topic, 0, 1)] }
        assert.deepStrictEqual(yield* see(again, isApplied), [true, true, false, true, false])
        const otherGroup = { ...again, group: "another-consumer" }
        assert.deepStrictEqual(yield* see(otherGroup, isApplied), [false, false, false, false, false])
      })
    )

    it.effect("progress is never lowered, and a large offset is exact", () =>
      Effect.gen(function* () {
        const topic = `topic-${aTeam()}`
        const large = { topic, partition: 0, offset: 9_007_199_254_740_993n }
        yield* see({ progress: [large] }, () => undefined)
        yield* see({ progress: [at(topic, 1)] }, () => undefined)
        const next = { ...large, offset: large.offset + 1n }
        assert.deepStrictEqual(yield* see({ progress: [next] }, (s) => [s.applied(large), s.applied(next)]), [
          true,
          false
        ])
      })
    )

    it.effect("an outcome that was refused is remembered beside the progress", () =>
      Effect.gen(function* () {
        const topic = `topic-${aTeam()}`
        const deadLetter = {
          _tag: "DeadLetter",
          reason: "Merge limit exceeded",
          step: "person",
          error: "too many: ☃"
        } as const
        const withoutMerge = { _tag: "WithoutMerge", reason: "conflict" } as const
        const progress = [at(topic, 0), at(topic, 1), at(topic, 2)]
        yield* apply(
          { progress },
          {
            refusals: [
              { at: at(topic, 0), refusal: deadLetter },
              { at: at(topic, 2), refusal: withoutMerge }
            ]
          }
        )
        const seen = yield* see({ progress }, (s) => progress.map(s.refused))
        assert.deepStrictEqual(seen, [deadLetter, undefined, withoutMerge])
        const otherGroup = yield* see({ progress, group: "another-consumer" }, (s) => progress.map(s.refused))
        assert.deepStrictEqual(otherGroup, [undefined, undefined, undefined])
      })
    )

    it.effect("outbox rows come back in order, each with an id of its own", () =>
      Effect.gen(function* () {
        const store = yield* PersonStore
        const topic = `topic-${aTeam()}`
        const messages = Array.from({ length: 50 }, (_, i) => ({
          topic,
          key: i % 2 === 0 ? null : `k${i}`,
          value: `v${i}`
        }))
        const { outbox } = yield* apply({}, {}, () => messages)
        assert.deepStrictEqual(
          outbox.map(({ key, topic, value }) => ({ topic, key, value })),
          messages
        )
        assert.strictEqual(new Set(outbox.map((row) => row.id)).size, 50)
        yield* store.published(outbox.map((row) => row.id))
      })
    )

    it.effect("a sweep publishes what was not acknowledged, once", () =>
      Effect.gen(function* () {
        const store = yield* PersonStore
        const topic = `topic-${aTeam()}`
        const { outbox } = yield* apply({}, {}, () => ["a", "b", "c"].map((value) => message(topic, value)))
        yield* store.published([outbox[1]!.id])
        yield* store.published([])
        assert.deepStrictEqual(yield* sweep(topic), [outbox[0], outbox[2]])
        assert.deepStrictEqual(yield* sweep(topic), [])
      })
    )

    it.effect("a sweep leaves young rows to the worker that wrote them", () =>
      Effect.gen(function* () {
        const topic = `topic-${aTeam()}`
        yield* apply({}, {}, () => [message(topic, "young")])
        assert.deepStrictEqual(yield* sweep(topic, 3_600_000), [])
        assert.strictEqual((yield* sweep(topic)).length, 1)
      })
    )

    it.effect("rows that the log refuses stay out of the way of the others", () =>
      Effect.gen(function* () {
        const store = yield* PersonStore
        const topic = `topic-${aTeam()}`
        const { outbox } = yield* apply({}, {}, () =>
          ["large", "larger", "small"].map((value) => message(topic, value))
        )
        yield* store.refusedByLog([outbox[0]!.id])
        const calls: Array<ReadonlyArray<string>> = []
        yield* store.sweep(0, (rows) =>
          Effect.sync(() => {
            calls.push(rows.map((row) => row.value))
            return rows.filter((row) => row.value === "larger").map((row) => row.id)
          })
        )
        // The others of its slice may be published again.
        assert.deepStrictEqual(calls[0], ["larger", "small"])
        for (const again of calls.slice(1)) assert.deepStrictEqual(again, ["small"])
        assert.deepStrictEqual(yield* sweep(topic), [])
      })
    )

    it.effect("what a publisher fails with is passed on, and its rows stay", () =>
      Effect.gen(function* () {
        const store = yield* PersonStore
        const topic = `topic-${aTeam()}`
        yield* apply({}, {}, () => [message(topic, "a")])
        const error = yield* Effect.flip(store.sweep(0, () => Effect.fail("the log is away" as const)))
        assert.strictEqual(error, "the log is away")
        assert.strictEqual((yield* sweep(topic)).length, 1)
      })
    )

    it.effect("more rows than a slice are all swept, and counted", () =>
      Effect.gen(function* () {
        const store = yield* PersonStore
        const topic = `topic-${aTeam()}`
        yield* apply({}, {}, () => Array.from({ length: 1_201 }, (_, i) => message(topic, `${i}`)))
        const values = new Set<string>()
        const count = yield* store.sweep(0, (rows) =>
          Effect.sync(() => {
            for (const row of rows) values.add(row.value)
            return []
          })
        )
        assert.deepStrictEqual([count, values.size], [1_201, 1_201])
      })
    )

    it.effect("a fold that throws changes nothing, and is told as the bug that it is", () =>
      Effect.gen(function* () {
        const store = yield* PersonStore
        const team = aTeam()
        const topic = `topic-${team}`
        const work = aWork({ names: names(team, "a"), progress: [at(topic, 0)] })
        const bug = new Error("a bug in the fold")
        const exit = yield* Effect.exit(
          store.transact(work, () => {
            throw bug
          })
        )
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        const late = yield* Effect.exit(
          store.transact(work, () => ({
            changes: { ...unchanged, create: [aPerson(team, "a")], attach: [aMapping(team, "a")] },
            result: undefined,
            messages: () => {
              throw bug
            }
          }))
        )
        assert.isTrue(Exit.isFailure(late) && Cause.hasDies(late.cause))
        const seen = yield* see({ names: names(team, "a"), progress: [at(topic, 0)] }, (s) => [
          s.person(team, "a"),
          s.applied(at(topic, 0))
        ])
        assert.deepStrictEqual(seen, [undefined, false])
      })
    )

    it.effect("batches that collide are serialised: nothing is lost, whoever creates the person", () =>
      Effect.gen(function* () {
        const store = yield* PersonStore
        const team = aTeam()
        const increment = store.transact(aWork({ names: names(team, "a") }), (snapshot) => {
          const found = snapshot.person(team, "a")
          const count = Number(found?.person.properties["count"] ?? 0) + 1
          const person = aPerson(team, "a", { count }, { version: (found?.person.version ?? -1) + 1 })
          return {
            changes:
              found === undefined
                ? { ...unchanged, create: [person], attach: [aMapping(team, "a")] }
                : { ...unchanged, update: [person] },
            result: count,
            messages: () => []
          }
        })
        const answers = yield* Effect.forEach(Array.from({ length: 12 }), () => increment, { concurrency: 4 })
        assert.deepStrictEqual(
          answers.map(({ result }) => result).toSorted((a, b) => a - b),
          Array.from({ length: 12 }, (_, i) => i + 1)
        )
        const found = yield* see({ names: names(team, "a") }, (s) => s.person(team, "a")?.person)
        assert.deepStrictEqual([found?.properties["count"], found?.version], [12, 11])
      })
    )
  })
