/**
 * People, distinct ids, groups, progress and outbox in PostgreSQL: one transaction a batch, by the protocol of guides
 * postgres 1, which was proved serialisable and free of deadlocks. `PersonRead` locks and reads, `PersonWrite` writes.
 */

import type { PgClient } from "@effect/sql-pg/PgClient"
import type { Folded, Snapshot, Work } from "@tributary/domain/person/Snapshot"
import * as PersonStoreService from "@tributary/pipeline/service/PersonStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { PersonsDatabase } from "./Database.ts"
import * as Outbox from "./Outbox.ts"
import * as PersonRead from "./PersonRead.ts"
import * as PersonWrite from "./PersonWrite.ts"
import * as Repeat from "./Repeat.ts"

const repeats = Metric.counter("person_store_repeats_total", {
  description: "Batch transactions that were rolled back and run again because others were in the way",
  incremental: true
})

const attempt = Effect.fnUntraced(function* <A>(
  sql: PgClient,
  work: Work,
  fold: (snapshot: Snapshot) => Folded<A>,
  withStrays: boolean
) {
  const loaded = yield* PersonRead.load(sql, work, withStrays)
  const folded = fold(loaded.snapshot)
  const outbox = yield* PersonWrite.write(sql, work.group, loaded, folded)
  return { result: folded.result, outbox }
})

export const make = (sql: PgClient): PersonStoreService.PersonStore["Service"] =>
  PersonStoreService.PersonStore.of({
    transact: (work, fold) => {
      // A uuid whose distinct id is unmapped, because a row was deleted by hand, would conflict for ever; it is looked
      // for only when a person could not be created, for the look-up costs something.
      let withStrays = false
      return Repeat.untilSettled(
        "PersonStore",
        "transact",
        (before) => {
          withStrays ||= before?.step === "person"
          return sql.withTransaction(attempt(sql, work, fold, withStrays))
        },
        Metric.update(repeats, 1)
      )
    },
    ...Outbox.make(sql)
  })

export const layer: Layer.Layer<PersonStoreService.PersonStore, never, PersonsDatabase> = Layer.effect(
  PersonStoreService.PersonStore,
  Effect.map(PersonsDatabase, make)
)
