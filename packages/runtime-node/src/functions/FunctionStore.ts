/** Configured functions in `posthog_hogfunction`, cached (spec cdp 1.1, worker 1.4). */

import * as Json from "@tributary/domain/event/Json"
import type { Row } from "@tributary/domain/function/HogFunction"
import * as Service from "@tributary/pipeline/service/FunctionStore"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import * as GeoIp from "@tributary/pipeline/transformation/GeoIp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as CachedRows from "../postgres/CachedRows.ts"
import { ProjectsDatabase } from "../postgres/Database.ts"
import * as SqlFailure from "../postgres/SqlFailure.ts"
import * as Fernet from "./Fernet.ts"

export interface Options extends Service.Options {
  /** `ENCRYPTION_SALT_KEYS`. */
  readonly keys: Fernet.Keys
}

interface FunctionRow {
  readonly id: string
  readonly team_id: number
  readonly type: "transformation" | "destination"
  readonly name: string
  readonly execution_order: number | null
  readonly template_id: string | null
  readonly inputs_schema: unknown
  readonly inputs: unknown
  readonly encrypted_inputs: string | null
  readonly filters: unknown
  readonly mappings: unknown
  readonly masking: unknown
  readonly created_at: number
}

const select = `
SELECT id, team_id, type, name, execution_order, template_id, inputs_schema, inputs, encrypted_inputs, filters, mappings, masking,
  (extract(epoch FROM created_at) * 1000)::float8 AS created_at
FROM posthog_hogfunction
WHERE team_id = ANY($1::int[]) AND enabled AND NOT deleted AND type IN ('transformation', 'destination')
ORDER BY id`

/** In whatever state the team's GeoIP row is, also deleted: who took it away does not want it back. */
const insertGeoIp = `
INSERT INTO posthog_hogfunction (team_id, type, name, enabled, execution_order, template_id)
SELECT $1::int, 'transformation', 'GeoIP', true, 1, $2
WHERE NOT EXISTS (SELECT FROM posthog_hogfunction WHERE team_id = $1::int AND template_id = ANY($3::text[]))`

const secretsOf = (keys: Fernet.Keys, encrypted: string | null): Row["secretInputs"] => {
  if (encrypted === null || encrypted === "") return Result.succeed(null)
  const text = Fernet.decrypt(keys, encrypted)
  if (text === undefined) return Result.fail("no key of ENCRYPTION_SALT_KEYS decrypts it")
  try {
    return Result.succeed(Json.parse(text))
  } catch {
    return Result.fail("what it decrypts to is no JSON")
  }
}

const toRow = (row: FunctionRow, keys: Fernet.Keys): Row => ({
  id: row.id,
  team: row.team_id,
  type: row.type,
  name: row.name,
  executionOrder: row.execution_order,
  templateId: row.template_id,
  inputsSchema: row.inputs_schema,
  inputs: row.inputs,
  secretInputs: secretsOf(keys, row.encrypted_inputs),
  filters: row.filters,
  mappings: row.mappings,
  masking: row.masking,
  createdAt: row.created_at
})

/** Longer, and the batch had better pause and say so. */
const patience = "5 seconds"

const lifetimes = { capacity: 100_000, hitMs: 120_000, jitterMs: 30_000, missMs: 10_000, retryMs: 5_000 }

export const layer = (options: Options) =>
  Layer.effect(
    Service.FunctionStore,
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const load = yield* Service.loader(options)
      const query = (teams: ReadonlyArray<number>) =>
        sql.unsafe<FunctionRow>(select, [teams]).pipe(
          SqlFailure.orUnavailable("FunctionStore", "load"),
          Effect.timeoutOrElse({
            duration: patience,
            orElse: () =>
              new StoreError({
                store: "FunctionStore",
                operation: "load",
                reason: "Unavailable",
                cause: new Error(`no answer within ${patience}`)
              })
          })
        )
      const byTeam = yield* CachedRows.make<number, Service.TeamFunctions>({
        ...lifetimes,
        load: (teams) =>
          Effect.flatMap(query(teams), (rows) =>
            load(
              teams,
              rows.map((row) => toRow(row, options.keys))
            )
          )
      })
      return Service.FunctionStore.of({
        forTeams: (teams) =>
          Effect.map(byTeam.get(teams), (found) => {
            const functions = new Map<number, Service.TeamFunctions>()
            for (const [team, of] of found) if (of !== undefined) functions.set(team, of)
            return functions
          }),
        ensureGeoIpFunction: (team) =>
          sql
            .unsafe(insertGeoIp, [team, GeoIp.id, [GeoIp.id, GeoIp.legacyId]])
            .pipe(Effect.asVoid, SqlFailure.orUnavailable("FunctionStore", "ensureGeoIpFunction"))
      })
    })
  )
