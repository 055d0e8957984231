/**
 * Guarantees 2, 3 and 5: each message acts on people and groups once, in the order of the log, and what the store holds in the end is what
 * the same transactions make of empty tables when they run one after the other, in the order of their commits (spec worker 9.2, P30, P33,
 * P37, P38).
 */
import * as Topics from "@tributary/domain/row/Topics"
import { header } from "../../service/LogMessage.ts"
import * as PersonTables from "../../service/memory/PersonTables.ts"
import { Rejected, transact } from "../../service/memory/PersonTransaction.ts"
import { partitionKey } from "../../service/memory/ProgressMemory.ts"
import type * as Workload from "../Workload.ts"
import { group } from "../world/Programs.ts"
import type { World } from "../world/World.ts"

type Model = PersonTables.PersonTables

export const violations = (
  world: World,
  byUuid: ReadonlyMap<string, Workload.Action>,
  isPersonful: (action: Workload.Action) => boolean
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const model = PersonTables.makeTables()
  const fenceOf = (partition: number): bigint =>
    model.progress.rows.get(partitionKey(group, Topics.events, partition))?.nextOffset ?? 0n

  /** Positions of messages that should have acted on people. */
  const personful = new Set<string>()
  for (const record of world.log.memory.records(Topics.events)) {
    const action = byUuid.get(header(record.headers, "uuid") ?? "")
    if (action !== undefined && isPersonful(action)) personful.add(`${record.partition}:${record.offset}`)
  }
  const passedOver = (partition: number, from: bigint, to: bigint): void => {
    for (let offset = from; offset < to; offset++) {
      if (personful.has(`${partition}:${offset}`)) found.push(`the message at ${partition}:${offset} was passed over`)
    }
  }

  for (const commit of world.ledger) {
    if (commit._tag === "Deletion") {
      for (const uuid of commit.uuids) PersonTables.deletePerson(model, commit.team, uuid)
      continue
    }
    const { by, fold, isFresh, work } = commit
    const next = new Map<number, bigint>()
    for (const [i, { offset, partition }] of work.progress.entries()) {
      const fence = fenceOf(partition)
      if (isFresh[i] === true && offset < fence) found.push(`${by} applied ${partition}:${offset} again`)
      if (isFresh[i] === false && offset >= fence)
        found.push(`${by} took ${partition}:${offset} for applied, and it was not`)
      const expected = next.get(partition) ?? fence
      if (offset < expected) continue
      passedOver(partition, expected, offset)
      next.set(partition, offset + 1n)
    }
    try {
      transact(model, work, fold)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      found.push(`what ${by} committed cannot be replayed: ${error.message}`)
    }
  }
  for (let partition = 0; partition < world.plan.shape.partitions; partition++) {
    passedOver(partition, fenceOf(partition), world.log.memory.end(Topics.events, partition))
  }
  return [...new Set([...found, ...compare(world, model), ...invariants(world)])]
}

const sorted = (texts: Iterable<string>): ReadonlyArray<string> => [...texts].sort()

/** What is in one list only. */
const differences = (name: string, store: Iterable<string>, replayed: Iterable<string>): ReadonlyArray<string> => {
  const [ours, theirs] = [sorted(store), sorted(replayed)]
  const [inOurs, inTheirs] = [new Set(ours), new Set(theirs)]
  return [
    ...ours.filter((row) => !inTheirs.has(row)).map((row) => `${name}: only in the store: ${row}`),
    ...theirs.filter((row) => !inOurs.has(row)).map((row) => `${name}: only in the replay: ${row}`)
  ]
}

const text = (row: object): string =>
  JSON.stringify(Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))))

const compare = ({ postgres: { tables } }: World, model: Model): ReadonlyArray<string> => {
  const uuids = new Map(tables.persons.entries().map(([id, { uuid }]) => [id, uuid]))
  return [
    ...differences(
      "people",
      tables.persons.entries().map(([, row]) => text(row)),
      [...model.persons.values()].map(text)
    ),
    ...differences(
      "distinct ids",
      tables.mappings
        .entries()
        .map(([, { distinctId, personId, team, version }]) =>
          text({ team, distinctId, version, person: uuids.get(personId) ?? "nobody" })
        ),
      [...model.mappings.values()].map(text)
    ),
    ...differences(
      "groups",
      tables.groups.entries().map(([, row]) => text(row)),
      [...model.groups.values()].map(text)
    ),
    ...differences(
      "floors",
      tables.floors.entries().map(([key, floor]) => `${key} ${floor}`),
      [...model.floors].map(([key, floor]) => `${key} ${floor}`)
    )
  ]
}

/** P2 to P4: everybody has a distinct id, and every distinct id leads to somebody. */
const invariants = ({ postgres: { tables } }: World): ReadonlyArray<string> => {
  const owners = new Set(tables.mappings.entries().map(([, { personId }]) => personId))
  return [
    ...tables.persons
      .entries()
      .filter(([id]) => !owners.has(id))
      .map(([, { team, uuid }]) => `the person ${uuid} of team ${team} has no distinct id`),
    ...tables.mappings
      .entries()
      .filter(([, { personId }]) => tables.persons.read(personId) === undefined)
      .map(([key]) => `the distinct id ${key} leads to nobody`)
  ]
}
