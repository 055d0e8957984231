/**
 * Random histories over a universe so small that everything collides: five distinct ids (one of them illegal), three
 * properties and a filtered one, two group types with two keys. They shrink, and show themselves in the notation of spec
 * worker 8.0: `E(a {set p:1}) I(a←b) | MD(a←c)`, with `|` between batches.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { A, AL, aProject, type Draft, E, event, I, MD, minutes, T0 } from "./Events.ts"
import { join, type Options, type Ran, World } from "./World.ts"

export type Kind = "E" | "set" | "A" | "X" | "I" | "AL" | "MD" | "GI" | "delete"

/** What is named more often comes more often: merges of two people need people first. */
export const everything: ReadonlyArray<Kind> = ["E", "I", "MD", "E", "I", "MD", "set", "AL", "GI", "A", "X"]

const distinctIds = ["a", "b", "c", "d", "a", "b", "c", "d", "null"]

const keys = ["p", "q", "r", "$browser"] as const
const values = [1, 2, null] as const
const groupNames = ["org 1", "org 2", "proj 1", "proj 2"] as const

type Pairs = ReadonlyArray<readonly [key: (typeof keys)[number], value: (typeof values)[number]]>

export interface Op {
  readonly kind: Kind
  readonly distinctId: string
  readonly partner: string
  readonly team: number
  readonly set: Pairs
  readonly once: Pairs
  readonly unset: ReadonlyArray<string>
  /** Of the event's time, after `T0`. */
  readonly hour: number
  readonly group: string
  /** A batch ends with this event. */
  readonly cut: boolean
  /** So many of the last messages come again with the next batch. */
  readonly again: number
  /** The batch that lies so many back comes again after this event's; 0 = none. */
  readonly late: number
  /** The merge is left out, if it is one. */
  readonly leftOut: boolean
}

/** A number below `count`; shrinks towards 0, hence towards the first of a list. */
const below = (count: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: count - 1 }))
const few = <S extends Schema.Constraint>(item: S, count: number) => Schema.Array(item).check(Schema.isMaxLength(count))

const pair = Schema.Tuple([below(keys.length), below(values.length)])

/** An event in numbers: these shrink, choices from a list do not. */
const Numbers = Schema.Struct({
  kind: below(132),
  distinctId: below(distinctIds.length),
  partner: below(distinctIds.length),
  team: below(6),
  set: few(pair, 2),
  once: few(pair, 2),
  unset: few(below(keys.length), 1),
  hour: below(3),
  group: below(groupNames.length),
  cut: Schema.Boolean,
  again: below(4),
  late: below(3),
  leftOut: below(4)
})

const pairsOf = (pairs: ReadonlyArray<readonly [number, number]>): Pairs =>
  pairs.map(([key, value]) => [keys[key]!, values[value]!])

const opOf = (kinds: ReadonlyArray<Kind>, numbers: typeof Numbers.Type): Op => ({
  kind: kinds[numbers.kind % kinds.length]!,
  distinctId: distinctIds[numbers.distinctId]!,
  partner: distinctIds[numbers.partner]!,
  team: numbers.team === 5 ? 2 : 1,
  set: pairsOf(numbers.set),
  once: pairsOf(numbers.once),
  unset: numbers.unset.map((key) => keys[key]!),
  hour: numbers.hour,
  group: groupNames[numbers.group]!,
  cut: numbers.cut,
  again: numbers.again,
  late: numbers.late,
  leftOut: numbers.leftOut === 3
})

const withKind = (op: Op): string => {
  const pairs = (name: string, list: Op["set"]) =>
    list.length === 0 ? [] : [`${name} ${list.map(([key, value]) => `${key}:${value}`).join(",")}`]
  const changes = [...pairs("set", op.set), ...pairs("once", op.once)]
  if (op.unset.length > 0) changes.push(`unset ${op.unset.join()}`)
  const said = changes.length === 0 ? "" : ` {${changes.join(" ")}}`
  const names: Record<Kind, string> = {
    E: op.distinctId,
    set: op.distinctId,
    A: op.distinctId,
    X: op.distinctId,
    I: `${op.distinctId}←${op.partner}`,
    AL: `${op.distinctId}←${op.partner}`,
    MD: `${op.distinctId}←${op.partner}`,
    GI: `${op.distinctId}: ${op.group}`,
    delete: op.distinctId
  }
  return `${op.kind}(${names[op.kind]}${said})`
}

const show = (op: Op, isLast: boolean): string =>
  [
    op.team === 2 ? "team 2: " : "",
    withKind(op),
    op.hour === 0 ? "" : `+${op.hour}h`,
    op.leftOut && /I|AL|MD/.test(op.kind) ? " left out" : "",
    op.cut && !isLast ? " |" : "",
    op.again === 0 ? "" : ` (${op.again} again)`,
    op.late === 0 ? "" : ` (late: ${op.late} back)`
  ].join("")

const seenProjects = [aProject(1, { lastSeenEnabled: true }), aProject(2)]

export const draftOf = (op: Op): Draft => {
  const options = { project: seenProjects[op.team - 1]!, timestamp: T0 + minutes(60 * op.hour + 10) }
  const said = {
    ...(op.set.length === 0 ? {} : { set: Object.fromEntries(op.set) }),
    ...(op.once.length === 0 ? {} : { once: Object.fromEntries(op.once) }),
    ...(op.unset.length === 0 ? {} : { unset: op.unset })
  }
  switch (op.kind) {
    case "E":
      return E(op.distinctId, said, options)
    case "set":
      return event("$set", op.distinctId, said, options)
    case "A":
      return A(op.distinctId, said, options)
    case "X":
      return event("$exception", op.distinctId, said, options)
    case "I":
      return I(op.distinctId, op.partner, said, options)
    case "AL":
      return AL(op.distinctId, op.partner, said, options)
    case "MD":
      return MD(op.distinctId, op.partner, said, options)
    case "GI": {
      const [$group_type, $group_key] = op.group.split(" ")
      const groups = { $group_type, $group_key, $group_set: Object.fromEntries(op.set) }
      return event("$groupidentify", op.distinctId, groups, options)
    }
    case "delete":
      throw new Error("a deletion is no event")
  }
}

/** How a history is cut into batches. */
export type Cuts = "as written" | "one by one" | "all at once"

export interface Batch {
  readonly ops: ReadonlyArray<Op>
  /** Deleted by another program after the batch. */
  readonly deletion?: Op
}

export class History {
  readonly ops: ReadonlyArray<Op>
  constructor(ops: ReadonlyArray<Op>) {
    this.ops = ops
  }

  /** Also what a failed property prints. */
  toString(): string {
    return this.ops.map((op, index) => show(op, index === this.ops.length - 1)).join(" ")
  }

  map(change: (op: Op) => Op): History {
    return new History(this.ops.map(change))
  }

  filter(keep: (op: Op) => boolean): History {
    return new History(this.ops.filter(keep))
  }

  batches(cuts: Cuts = "as written"): ReadonlyArray<Batch> {
    const batches: Array<Batch> = []
    let ops: Array<Op> = []
    const flush = (deletion?: Op) => {
      if (ops.length > 0 || deletion !== undefined) batches.push(deletion === undefined ? { ops } : { ops, deletion })
      ops = []
    }
    for (const op of this.ops) {
      if (op.kind === "delete") flush(op)
      else {
        ops.push(op)
        if (cuts === "one by one" || (cuts === "as written" && op.cut)) flush()
      }
    }
    flush()
    return batches
  }
}

/** Histories of these kinds of events, with messages that come again and merges that are left out; `only` narrows each. */
export const redelivered = (
  kinds: ReadonlyArray<Kind> = everything,
  only: (op: Op) => Op = (op) => op
): Arbitrary.Arbitrary<History> =>
  Arbitrary.array(Arbitrary.schema(Numbers), { maxLength: 20 }).pipe(
    Arbitrary.map((list) => new History(list.map((numbers) => only(opOf(kinds, numbers)))))
  )

const once = (op: Op): Op => ({ ...op, again: 0, late: 0, leftOut: false })

/** As `redelivered`, with every message delivered once and every merge tried. */
export const histories = (
  kinds: ReadonlyArray<Kind> = everything,
  only: (op: Op) => Op = (op) => op
): Arbitrary.Arbitrary<History> => redelivered(kinds, (op) => only(once(op)))

export const oneTeam = (op: Op): Op => ({ ...op, team: 1 })
export const unfiltered = (op: Op): Op => ({
  ...op,
  set: op.set.filter(([key]) => key !== "$browser"),
  once: op.once.filter(([key]) => key !== "$browser"),
  unset: op.unset.filter((key) => key !== "$browser")
})
export const withoutUnset = (op: Op): Op => ({ ...op, unset: [] })

export const narrowed =
  (...changes: ReadonlyArray<(op: Op) => Op>) =>
  (op: Op): Op =>
    changes.reduce((changed, change) => change(changed), op)

/** Options of properties: enough runs to find what is rare, and histories long enough for three merges. */
export const runs = (count: number) => ({ arbitrary: { runs: count, size: 20, maxShrinks: 2_000 } })

export interface RunOptions extends Options {
  readonly cuts?: Cuts
  /** Called after each batch and the deletion that follows it. */
  readonly after?: (world: World, ran: Ran, batch: Batch) => void
}

/** Runs a history, each message delivered once. */
export const run = (history: History, options: RunOptions = {}): { readonly world: World; readonly ran: Ran } => {
  const world = new World(options)
  const all: Array<Ran> = []
  for (const batch of history.batches(options.cuts)) {
    const ran = batch.ops.length === 0 ? join([]) : world.batch(...batch.ops.map(draftOf))
    if (batch.deletion !== undefined) world.deletePerson(batch.deletion.distinctId, batch.deletion.team)
    all.push(ran)
    options.after?.(world, ran, batch)
  }
  return { world, ran: join(all) }
}

/** Who belongs together: sorted blocks of sorted names, teams apart. */
export const partition = (world: World): ReadonlyArray<ReadonlyArray<string>> => {
  const blocks = new Map<string, Array<string>>()
  for (const [name, { person }] of world.tables.mappings) {
    const block = blocks.get(person)
    if (block === undefined) blocks.set(person, [name])
    else block.push(name)
  }
  return [...blocks.values()].map((block) => block.sort()).sort((a, b) => (a[0]! < b[0]! ? -1 : 1))
}
