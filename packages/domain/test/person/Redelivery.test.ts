/** Messages that come again, owners that wake up late, outcomes that stay (spec worker 9.2, P33, P37, P38, P40, P41; 9.4.6 to 9.4.10). */
import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@tributary/domain/event/Event"
import * as Position from "@tributary/domain/event/Position"
import * as Fold from "@tributary/domain/person/Fold"
import * as Merge from "@tributary/domain/person/Merge"
import type { Settings } from "@tributary/domain/person/Settings"
import * as Transaction from "@tributary/pipeline/service/memory/PersonTransaction"
import {
  draftOf,
  everything,
  type History,
  histories,
  type Kind,
  type Op,
  partition,
  redelivered,
  run,
  runs,
  unfiltered
} from "./support/Histories.ts"
import { type Ran, World } from "./support/World.ts"

const withDeletions: ReadonlyArray<Kind> = [...everything, "delete"]

/** Limits that these small histories reach: three distinct ids, and two properties. */
const tight: Partial<Settings> = { mergeMoveLimit: 2, propertiesLimitBytes: 120, trimTargetBytes: 120 }

const partitionOf = ({ distinctId }: Op): number => "abcd".indexOf(distinctId) % 2

/** What may differ between two runs that must come to the same: nothing of this. */
const state = ({ tables }: World) => ({
  persons: new Map(tables.persons),
  mappings: new Map(tables.mappings),
  floors: new Map(tables.floors),
  groups: new Map(tables.groups),
  outbox: [...tables.outbox.values()]
})

const outcomeOf = (ran: Ran, index: number): string => {
  const outcome = ran.outcomes[index]!
  return outcome._tag === "DeadLetter" ? outcome.reason : outcome._tag
}

const leftOutOf = (events: ReadonlyArray<Event>, ops: ReadonlyArray<Op>): ReadonlyMap<string, string> =>
  new Map(
    events.flatMap(({ at, partner }, i) =>
      ops[i]!.leftOut && partner !== undefined ? [[Position.key(at), Merge.conflict]] : []
    )
  )

const triesToMerge = ({ distinctId, partner }: Event): boolean =>
  partner?.legal === true && distinctId !== "null" && distinctId !== partner.distinctId

interface Delivery {
  /** True: messages come again as the history has it, whole batches too. */
  readonly again: boolean
  readonly settings?: Partial<Settings>
}

/** Two partitions, one group; what is delivered first is the same either way. */
const deliver = (history: History, { again, settings = {} }: Delivery) => {
  const world = new World({ settings })
  const batches: Array<ReadonlyArray<Event>> = []
  const outcomes = new Map<string, string>()
  const withoutMerge = new Map<string, string>()
  const note = (events: ReadonlyArray<Event>, ran: Ran) => {
    events.forEach(({ at }, index) => {
      const key = Position.key(at)
      const outcome = outcomeOf(ran, index)
      assert.strictEqual(outcomes.get(key) ?? outcome, outcome, `P41 ${key}`)
      outcomes.set(key, outcome)
    })
    const raced = ran.warnings.flatMap(({ details, type }) =>
      type === "merge_race_condition" ? [details["eventUuid"]] : []
    )
    const leftOut = events.flatMap((event, index) => {
      const isStored = outcomeOf(ran, index) === "Continue"
      return isStored && triesToMerge(event) && withoutMerge.has(Position.key(event.at)) ? [event.uuid] : []
    })
    assert.deepStrictEqual(new Set(raced), new Set(leftOut), "P41 a merge was left out once only")
  }
  let repeat = 0
  for (const { deletion, ops } of history.batches()) {
    const old = again && repeat > 0 ? world.log.slice(-repeat) : []
    const fresh = ops.map((op) => world.append(draftOf(op), partitionOf(op)))
    const batch = [...old, ...fresh]
    for (const [key, reason] of leftOutOf(fresh, ops)) withoutMerge.set(key, reason)
    const now = new Map(leftOutOf(fresh, ops))
    note(batch, world.deliver(batch, { withoutMerge: now }))
    batches.push(batch)
    if (deletion !== undefined) world.deletePerson(deletion.distinctId, deletion.team)
    const last = ops.at(-1)
    const late = batches.at(-1 - (last?.late ?? 0))
    if (again && last !== undefined && last.late > 0 && late !== undefined) {
      const before = state(world)
      const ran = world.deliver(late)
      note(late, ran)
      assert.deepStrictEqual(state(world), before, "P38 a late owner has undone something")
      assert.deepStrictEqual(ran.messages, [])
    }
    repeat = last?.again ?? 0
  }
  return { world, outcomes }
}

describe("messages that come again", () => {
  it.prop(
    "P37, P38, P41, 9.4.8 to 9.4.10 change nothing, and have the outcome that they had",
    { history: redelivered(withDeletions) },
    ({ history }) => {
      const repeated = deliver(history, { again: true })
      const once = deliver(history, { again: false })
      assert.deepStrictEqual(state(repeated.world), state(once.world))
      assert.deepStrictEqual(repeated.outcomes, once.outcomes)
    },
    runs(500)
  )

  it.prop(
    "P37, P41 neither where limits make dead letters and discard changes",
    { history: redelivered(withDeletions) },
    ({ history }) => {
      const repeated = deliver(history, { again: true, settings: tight })
      const once = deliver(history, { again: false, settings: tight })
      assert.deepStrictEqual(state(repeated.world), state(once.world))
      assert.deepStrictEqual(repeated.outcomes, once.outcomes)
    },
    runs(500)
  )

  it("9.4.9 would be undone by a late owner without the fence", () => {
    const world = new World()
    const first = world.append(draftOf(setOf(1)))
    world.deliver([first])
    world.batch(draftOf(setOf(2)))
    const { fold, work } = world.batchOf([first])
    Transaction.transact(world.tables, work, (snapshot) => fold({ ...snapshot, applied: () => false }))
    assert.deepStrictEqual(world.properties("a"), { p: 1 })
  })
})

const setOf = (value: 1 | 2): Op => ({
  kind: "E",
  distinctId: "a",
  partner: "a",
  team: 1,
  set: [["p", value]],
  once: [],
  unset: [],
  hour: 0,
  group: "org 1",
  cut: false,
  again: 0,
  late: 0,
  leftOut: false
})

describe("a batch", () => {
  it.prop(
    "P33, 9.4.6 that is folded several times leaves no trace of the folds before the last",
    { history: histories(withDeletions) },
    ({ history }) => {
      const [plain, conflicting] = [run(history), run(history, { conflicts: 2 })]
      assert.deepStrictEqual(state(conflicting.world), state(plain.world))
      assert.deepStrictEqual(conflicting.ran, plain.ran)
    },
    runs(200)
  )

  it.prop(
    "P33 that fails at its last step leaves everything as it was",
    { history: histories() },
    ({ history }) => {
      const { world } = run(history)
      const before = [state(world), new Map(world.tables.progress.rows), new Map(world.tables.progress.refusals)]
      const events = history.ops.map((op) => world.append(draftOf(op), 1))
      world.register(events)
      const { fold, work } = world.batchOf(events)
      assert.throws(() =>
        Transaction.transact(world.tables, work, (snapshot) => ({
          ...fold(snapshot),
          messages: () => {
            throw new Error("the last step")
          }
        }))
      )
      assert.deepStrictEqual([state(world), world.tables.progress.rows, world.tables.progress.refusals], before)
    },
    runs(100)
  )

  it.prop(
    "P33 writes no row that it does not change",
    { history: histories() },
    ({ history }) => {
      let before = new Map<string, { readonly row: string; readonly version: number }>()
      run(history, {
        after: ({ tables }, { messages }) => {
          const after = new Map(
            [...tables.persons].map(([key, { version, ...row }]) => [key, { row: JSON.stringify(row), version }])
          )
          // A merge is a change of its survivor, also where the row looks the same.
          const hasMerged = messages.some(({ value }) => value.includes('"is_deleted":1'))
          for (const [key, { row, version }] of after) {
            const was = before.get(key)
            if (was?.row === row && !hasMerged) assert.strictEqual(version, was.version)
          }
          before = after
        }
      })
    },
    runs(200)
  )

  it.prop(
    "9.4.6 of any size comes to the same partition and mapping versions",
    { history: histories() },
    ({ history }) => {
      const mappings = (cuts: "as written" | "one by one" | "all at once") =>
        run(history, { cuts, conflicts: 1 }).world.tables.mappings
      const sorted = (rows: ReturnType<typeof mappings>) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
      assert.deepStrictEqual(sorted(mappings("all at once")), sorted(mappings("one by one")))
      assert.deepStrictEqual(sorted(mappings("as written")), sorted(mappings("one by one")))
    },
    runs(300)
  )
})

describe("two workers", () => {
  it.prop(
    "9.4.7 come to the same partition with dangerous merges alone, whoever is first",
    { history: histories(["MD", "E", "MD", "A"]) },
    ({ history }) => {
      const halves = [0, 1].map((half) => history.filter((op) => Math.abs(partitionOf(op)) === half))
      const inOrder = (first: History, second: History) => {
        const world = new World()
        for (const half of [first, second]) {
          for (const { ops } of half.batches())
            world.deliver(ops.map((op) => world.append(draftOf(op), partitionOf(op))))
        }
        return partition(world)
      }
      const [one, two] = [halves[0]!, halves[1]!]
      assert.deepStrictEqual(inOrder(one, two), partition(run(history).world))
      assert.deepStrictEqual(inOrder(two, one), partition(run(history).world))
    },
    runs(200)
  )
})

const withoutVersions = (world: World) =>
  [1, 2].flatMap((team) => world.people(team).map((line) => line.replace(/ v\d+/, "")))

describe("the offender", () => {
  it.prop(
    "P40 of a limit of distinct ids stands alone: all is as if its event had not been there",
    { history: histories(everything, unfiltered) },
    ({ history }) => {
      const settings = { mergeMoveLimit: 2 }
      const { ran, world } = run(history, { settings })
      const good = new Set(history.ops.filter((_, index) => outcomeOf(ran, index) === "Continue"))
      const without = run(
        history.filter((op) => good.has(op)),
        { settings, cuts: "one by one" }
      )
      assert.deepStrictEqual(withoutVersions(without.world), withoutVersions(world))
      assert.strictEqual(without.ran.letters.length, 0)
    },
    runs(400)
  )

  const twoKeys: Partial<Settings> = { propertiesLimitBytes: 120, trimTargetBytes: 120 }
  const sameSizes = (op: Op): Op => ({
    ...op,
    set: op.set.map(([key]) => [key, 1]),
    once: op.once.map(([key]) => [key, 1]),
    unset: []
  })

  it.prop(
    "P34 of limits is the same one in a batch as alone, where nothing is taken back",
    { history: histories(everything, sameSizes) },
    ({ history }) => {
      for (const settings of [twoKeys, { mergeMoveLimit: 2 }]) {
        const together = run(history, { settings, cuts: "all at once" })
        const apart = run(history, { settings, cuts: "one by one" })
        assert.deepStrictEqual(withoutVersions(together.world), withoutVersions(apart.world))
        const outcomes = ({ ran }: typeof apart) => ran.outcomes.map((_, index) => outcomeOf(ran, index))
        assert.deepStrictEqual(outcomes(together), outcomes(apart))
        const types = ({ ran }: typeof apart) => ran.warnings.map(({ type }) => type)
        assert.deepStrictEqual(types(together), types(apart))
      }
    },
    runs(500)
  )

  it("C45 of a bug gets its exception out, and nothing is changed", () => {
    const world = new World()
    const events = [setOf(1), setOf(2)].map((op) => world.append(draftOf(op)))
    const { work } = world.batchOf(events)
    const steps: Fold.Steps = {
      ...Fold.steps,
      event: (state, event) => {
        if (event.at.offset === 1n) throw new Error("a bug")
        return Fold.steps.event(state, event)
      }
    }
    const input = { events, groupTypes: world.groupTypes, settings: world.settings, steps }
    assert.throws(() => Transaction.transact(world.tables, work, Fold.fold(input)), /a bug/)
    assert.deepStrictEqual(world.people(), [])
    assert.strictEqual(world.tables.progress.rows.size, 0)
  })
})
