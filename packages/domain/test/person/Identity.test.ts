/** Who is one person (spec worker 9.2, P1 to P8, P19, P36, and 9.4), on random histories. */
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import type { Mapping } from "@tributary/domain/person/Person"
import * as Tables from "@tributary/pipeline/service/memory/PersonTables"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import {
  draftOf,
  everything,
  History,
  histories,
  type Kind,
  narrowed,
  oneTeam,
  partition,
  run,
  runs,
  withoutUnset
} from "./support/Histories.ts"
import type { World } from "./support/World.ts"

const dangerous: ReadonlyArray<Kind> = ["MD", "E", "MD", "A", "set"]

const everybody = (world: World) => [world.people(1), world.people(2)]
const types = (history: History) => run(history).ran.warnings.map(({ type }) => type)

/** Numbers to pick events with. */
const picks = Arbitrary.schema(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999 }))))

describe("identity", () => {
  it.prop(
    "P1 a new person's uuid is that of a distinct id it was born with, and stays",
    { history: histories() },
    ({ history }) => {
      const known = new Set<string>()
      run(history, {
        after: ({ tables }) => {
          for (const [key, { team, uuid }] of tables.persons) {
            if (known.has(key)) continue
            known.add(key)
            const names = Tables.mappingsOf(tables, team, uuid)
            assert.isTrue(names.some(({ distinctId }) => Uuid.personUuid(team, distinctId) === uuid))
          }
        }
      })
    },
    runs(200)
  )

  it.prop(
    "P2, P4 no distinct id leads to nobody, and nobody is without one, after any batch",
    { history: histories([...everything, "delete"]) },
    ({ history }) => {
      run(history, {
        after: ({ tables }) => {
          const owners = new Set<string>()
          for (const { person, team } of tables.mappings.values()) owners.add(`${team}:${person}`)
          assert.deepStrictEqual(owners, new Set(tables.persons.keys()))
        }
      })
    },
    runs(200)
  )

  it.prop(
    "P3 every distinct id of a personful event or of a merge leads to a person",
    { history: histories() },
    ({ history }) => {
      const { world } = run(history)
      for (const { kind, distinctId, partner, team } of history.ops) {
        if (kind === "A") continue
        assert.isDefined(world.person(distinctId, team))
        const isMerge = kind === "I" || kind === "AL" || kind === "MD"
        if (isMerge && distinctId !== "null" && partner !== "null") assert.isDefined(world.person(partner, team))
      }
    },
    runs(200)
  )

  it.prop(
    "P5 nothing ever separates two distinct ids",
    { history: histories() },
    ({ history }) => {
      let before: ReadonlyArray<ReadonlyArray<string>> = []
      run(history, {
        after: (world) => {
          const after = partition(world)
          for (const block of before)
            assert.isTrue(after.some((joined) => block.every((name) => joined.includes(name))))
          before = after
        }
      })
    },
    runs(200)
  )

  it.prop(
    "P6 processing any events once more, in any order, leaves the partition as it is",
    { history: histories(), picks },
    ({ history, picks }) => {
      const { world } = run(history)
      const before = partition(world)
      const events = [...world.log]
      if (events.length > 0) world.batch(...picks.map((pick) => events[pick % events.length]!))
      assert.deepStrictEqual(partition(world), before)
    },
    runs(300)
  )

  it.prop(
    "P7 of dangerous merges alone, the partition is the connected components, in any order and any batches",
    { history: histories(dangerous), picks },
    ({ history, picks }) => {
      const blocks = new Map<string, Set<string>>()
      const blockOf = (name: string) => blocks.get(name) ?? new Set([name])
      for (const { kind, distinctId, partner, team } of history.ops) {
        if (kind === "A") continue
        const [to, from] = [`${team}:${distinctId}`, `${team}:${partner}`]
        const isMerge = kind === "MD" && distinctId !== "null" && partner !== "null"
        const joined = new Set([...blockOf(to), ...(isMerge ? blockOf(from) : [])])
        for (const name of joined) blocks.set(name, joined)
      }
      const components = [...new Set(blocks.values())]
        .map((block) => [...block].sort())
        .sort((a, b) => (a[0]! < b[0]! ? -1 : 1))
      assert.deepStrictEqual(partition(run(history).world), components)
      const shuffled = history.ops
        .map((op, index) => ({ op, at: picks[index % picks.length] ?? 0 }))
        .sort((a, b) => a.at - b.at)
        .map(({ op }) => op)
      assert.deepStrictEqual(partition(run(new History(shuffled)).world), components)
    },
    runs(300)
  )

  it.prop(
    "P8 a merge that comes twice in a row moves nobody the second time, and says nothing when nothing changes",
    { history: histories(everything, withoutUnset) },
    ({ history }) => {
      const { world } = run(history)
      const last = history.ops.at(-1)
      if (last === undefined || !["I", "AL", "MD"].includes(last.kind)) return
      const before = everybody(world)
      assert.deepStrictEqual(world.batch(draftOf(last)).messages, [])
      assert.deepStrictEqual(everybody(world), before)
    },
    runs(400)
  )

  it.prop(
    "P36 a merge with an illegal id is the same event without a partner, with a warning",
    { history: histories() },
    ({ history }) => {
      const isIllegal = ({ distinctId, kind, partner }: (typeof history.ops)[number]) =>
        (kind === "I" || kind === "AL" || kind === "MD") &&
        distinctId !== partner &&
        (distinctId === "null" || partner === "null")
      const plain = history.map((op) => (isIllegal(op) ? { ...op, partner: op.distinctId } : op))
      assert.deepStrictEqual(everybody(run(history).world), everybody(run(plain).world))
      const illegal = "cannot_merge_with_illegal_distinct_id"
      assert.strictEqual(types(history).filter((type) => type === illegal).length, history.ops.filter(isIllegal).length)
      assert.deepStrictEqual(
        types(plain),
        types(history).filter((type) => type !== illegal)
      )
    },
    runs(300)
  )
})

describe("isolation", () => {
  it.prop(
    "P19 without another team's events a team is the same, to the last message",
    { history: histories() },
    ({ history }) => {
      const own = (world: World) =>
        [...world.tables.outbox.values()].map(({ value }) => value).filter((value) => JSON.parse(value).team_id === 1)
      const both = run(history).world
      // Personless events take the others' places in the log, so that uuids stay the same.
      const alone = run(history.map((op) => (op.team === 2 ? { ...op, kind: "A", team: 1 } : op))).world
      assert.deepStrictEqual(both.people(1), alone.people(1))
      assert.deepStrictEqual(own(both), own(alone))
    },
    runs(200)
  )

  const known = narrowed(oneTeam)

  it.prop(
    "9.4.1 events of a distinct id that has nothing to do with others change nothing for them",
    { history: histories(everything, known), picks },
    ({ history, picks }) => {
      const stranger = (index: number) => picks[index % Math.max(1, picks.length)]! % 2 === 0
      const mixed = new History(
        history.ops.flatMap((op, index) =>
          picks.length > 0 && stranger(index)
            ? [{ ...op, kind: "E" as const, distinctId: "stranger", partner: "stranger", cut: false }, op]
            : [op]
        )
      )
      const people = (world: World) => world.people().filter((line) => !line.includes("stranger"))
      const creators = (world: World): ReadonlyArray<Mapping> =>
        [...world.tables.mappings.values()].filter(({ distinctId }) => distinctId !== "stranger")
      const [plain, with_] = [run(history).world, run(mixed).world]
      assert.deepStrictEqual(people(with_), people(plain))
      assert.deepStrictEqual(
        creators(with_).map(({ distinctId, version }) => [distinctId, version]),
        creators(plain).map(({ distinctId, version }) => [distinctId, version])
      )
    },
    runs(200)
  )

  it.prop(
    "9.4.2 with other names everybody is the same under another name",
    { history: histories() },
    ({ history }) => {
      const rename = (name: string) => (name === "null" ? name : `${name}2`)
      const renamed = history.map((op) => ({ ...op, distinctId: rename(op.distinctId), partner: rename(op.partner) }))
      const back = (lines: ReadonlyArray<string>) => lines.map((line) => line.replaceAll(/([abcd])2/g, "$1"))
      const [plain, other] = [run(history), run(renamed)]
      assert.deepStrictEqual(everybody(other.world).map(back), everybody(plain.world))
      assert.deepStrictEqual(back(other.world.told(other.ran.messages)), plain.world.told(plain.ran.messages))
    },
    runs(200)
  )

  it.prop(
    "9.4.3 an $identify is the same as an alias",
    { history: histories() },
    ({ history }) => {
      const aliases = history.map((op) => (op.kind === "I" ? { ...op, kind: "AL" as const } : op))
      assert.deepStrictEqual(everybody(run(aliases).world), everybody(run(history).world))
      assert.deepStrictEqual(types(aliases), types(history))
    },
    runs(200)
  )

  it.prop(
    "9.4.4 an $identify is the same as a dangerous merge where nothing is refused",
    { history: histories() },
    ({ history }) => {
      const plain = run(history)
      if (plain.ran.warnings.some(({ type }) => type === "cannot_merge_already_identified")) return
      const merges = history.map((op) => (op.kind === "I" || op.kind === "AL" ? { ...op, kind: "MD" as const } : op))
      assert.deepStrictEqual(everybody(run(merges).world), everybody(plain.world))
    },
    runs(200)
  )
})
