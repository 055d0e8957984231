/** Another program that deletes people (guides postgres 1, floors; spec worker 3.10): locks, floors, rows, tombstones. */
import { nameKey } from "@tributary/domain/person/Person"
import type { OutboxMessage } from "@tributary/domain/person/Snapshot"
import { personKey } from "@tributary/domain/person/State"
import * as DistinctIdRow from "@tributary/domain/row/DistinctIdRow"
import * as PersonRow from "@tributary/domain/row/PersonRow"
import * as Effect from "effect/Effect"
import { type PersonRecord, personOf } from "../../service/memory/PersonTables.ts"
import type { StoreError } from "../../service/StoreError.ts"
import type { Statement, Tx } from "../database/Engine.ts"
import type { Postgres } from "../database/Postgres.ts"
import type { MappingRow, Tables } from "../database/Tables.ts"
import type { Flaws } from "../Flaws.ts"
import type { Process } from "../machine/Machine.ts"
import * as Repeat from "./Repeat.ts"
import type { Commit } from "./SimPersonStore.ts"
import * as Write from "./Write.ts"

type Found = ReadonlyMap<number, PersonRecord>

const lockOwner = (tables: Tables, team: number, distinctId: string) =>
  function* (tx: Tx): Statement<Found> {
    const mapping = tables.mappings.read(nameKey(team, distinctId), tx)
    const row = mapping === undefined ? undefined : yield* tables.persons.lock(tx, mapping.personId)
    return row === undefined || mapping === undefined ? new Map() : new Map([[mapping.personId, row]])
  }

const mappingsOf = (tables: Tables, found: Found, tx: Tx): ReadonlyArray<readonly [string, MappingRow]> =>
  tables.mappings.entries(tx).filter(([, { personId }]) => found.has(personId))

const raiseFloors = (tables: Tables, found: Found, flaws: Flaws) =>
  function* (tx: Tx): Statement<void> {
    for (const [key, { personId, version }] of mappingsOf(tables, found, tx)) {
      const person = found.get(personId)!.version
      const floor = (flaws.has("floor of the person alone") ? person : Math.max(person, version)) + 101
      if (yield* tables.floors.insert(tx, key, floor)) continue
      const known = (yield* tables.floors.lock(tx, key)) ?? 0
      yield* tables.floors.write(tx, key, Math.max(known, floor))
    }
  }

const deleteMappings = (tables: Tables, found: Found) =>
  function* (tx: Tx): Statement<ReadonlyArray<MappingRow>> {
    const gone = mappingsOf(tables, found, tx)
    for (const [key] of gone) yield* tables.mappings.write(tx, key, undefined)
    return gone.map(([, row]) => row)
  }

const deletePersons = (tables: Tables, found: Found) =>
  function* (tx: Tx): Statement<void> {
    for (const [id, { team, uuid }] of found) {
      yield* tables.persons.write(tx, id, undefined)
      yield* tables.uuids.write(tx, personKey(team, uuid), undefined)
    }
  }

const tombstones = (found: Found, mappings: ReadonlyArray<MappingRow>): ReadonlyArray<OutboxMessage> => [
  ...[...found.values()].map((row) => PersonRow.tombstone(personOf(row))),
  ...mappings.map(({ distinctId, personId, team, version }) => {
    const mapping = { team, distinctId, person: found.get(personId)!.uuid, version }
    return { ...DistinctIdRow.message(mapping), value: DistinctIdRow.encodeTombstone(mapping) }
  })
]

/** Deletes whoever owns the distinct id; false when nobody does. The tombstones are left to the sweeper. */
export const deleteOwner = (
  options: {
    readonly postgres: Postgres
    readonly process: Process
    readonly flaws: Flaws
    readonly ledger: Array<Commit>
  },
  team: number,
  distinctId: string
): Effect.Effect<boolean, StoreError> => {
  const { flaws, ledger, postgres, process } = options
  const { tables } = postgres
  return Repeat.untilSettled("delete", () =>
    postgres.transaction(process, (session) =>
      Effect.gen(function* () {
        const found = yield* session.run("lock owner", lockOwner(tables, team, distinctId))
        if (found.size === 0) return false
        const uuids = [...found.values()].map(({ uuid }) => uuid)
        session.onCommit(() => void ledger.push({ _tag: "Deletion", team, uuids }))
        if (!flaws.has("floor forgotten")) yield* session.run("floors", raiseFloors(tables, found, flaws))
        const mappings = yield* session.run("delete distinct ids", deleteMappings(tables, found))
        yield* session.run("delete persons", deletePersons(tables, found))
        const rows = Write.draw(tables, tombstones(found, mappings))
        yield* session.run("outbox", Write.insertOutbox(tables, rows, postgres.now))
        return true
      })
    )
  )
}
