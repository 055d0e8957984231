import { assert, describe, it } from "@effect/vitest"
import * as Inputs from "@tributary/domain/function/Inputs"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import { FunctionStore as Service } from "@tributary/pipeline/service/FunctionStore"
import { GeoIp } from "@tributary/pipeline/service/GeoIp"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import { Effect, Layer, Logger, Redacted, Result } from "effect"
import { Functions, functionStoreContract } from "../../../pipeline/test/contract/FunctionStore.ts"
import { places } from "../../../pipeline/test/contract/GeoIp.ts"
import * as Fernet from "../../src/functions/Fernet.ts"
import * as FunctionStore from "../../src/functions/FunctionStore.ts"
import { ProjectsDatabase } from "../../src/postgres/Database.ts"
import * as TestDatabase from "../postgres/TestDatabase.ts"

const keys = Result.getOrThrow(Fernet.parseKeys(Redacted.make("0123456789abcdef0123456789abcdef")))

const operator = Layer.effect(
  Functions,
  Effect.map(ProjectsDatabase, (sql) =>
    Functions.of({
      put: (row) =>
        sql`
          INSERT INTO posthog_hogfunction (id, team_id, type, name, enabled, execution_order, template_id, inputs_schema, inputs,
            filters, mappings, masking, created_at)
          VALUES (${row.id}, ${row.team}, ${row.type}, ${row.name}, true, ${row.executionOrder}, ${row.templateId},
            ${JSON.stringify(row.inputsSchema)}::jsonb, ${JSON.stringify(row.inputs)}::jsonb, ${JSON.stringify(row.filters)}::jsonb,
            ${JSON.stringify(row.mappings)}::jsonb, ${JSON.stringify(row.masking)}::jsonb, to_timestamp(${row.createdAt} / 1000.0))
          ON CONFLICT (id) DO UPDATE SET template_id = excluded.template_id`.pipe(Effect.asVoid, Effect.orDie),
      take: (id) => Effect.asVoid(Effect.orDie(sql`UPDATE posthog_hogfunction SET enabled = false WHERE id = ${id}`))
    })
  )
)

const onDatabase = Layer.merge(FunctionStore.layer({ siteUrl: "https://eu.example", keys }), operator).pipe(
  Layer.provide(TransformationRegistry.layer()),
  Layer.provide(DestinationRegistry.layer()),
  Layer.provide(GeoIp.layerMemory(places)),
  Layer.provideMerge(TestDatabase.layer)
)

functionStoreContract("PostgreSQL", onDatabase)

const of = (team: number) => Service.use((store) => Effect.map(store.forTeams(new Set([team])), (all) => all.get(team)))

describe("FunctionStore in PostgreSQL", () => {
  it.effect("R24: a row inserted by plain SQL, with the fewest columns, is applied", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      yield* sql`INSERT INTO posthog_hogfunction (team_id, type, enabled, template_id, inputs)
        VALUES (1, 'transformation', true, 'template-filter-properties', '{"propertiesToFilter":{"value":"email"}}')`
      yield* sql`INSERT INTO posthog_hogfunction (team_id, type, enabled, template_id, inputs, bytecode)
        VALUES (1, 'transformation', true, 'template-filter-properties', '{"propertiesToFilter":{"value":"name"}}', '["_H", 1]')`
      assert.strictEqual((yield* of(1))?.transformations.length, 2)
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("rows of other types, and those that are not enabled or deleted, are not there", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      yield* sql`INSERT INTO posthog_hogfunction (team_id, type, enabled, deleted, template_id) VALUES
        (1, 'site_app', true, false, 'template-geoip'), (1, 'transformation', false, false, 'template-geoip'),
        (1, 'transformation', true, true, 'template-geoip')`
      assert.isUndefined(yield* of(1))
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("secret inputs are decrypted, and a row whose secrets no key opens is refused", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const lines: Array<string> = []
      const secrets = Fernet.encrypt(keys, JSON.stringify({ url: { value: "https://x.io/s3cr3t" } }), 0)
      yield* sql`INSERT INTO posthog_hogfunction (team_id, type, enabled, template_id, encrypted_inputs) VALUES
        (1, 'destination', true, 'template-webhook', ${secrets}), (1, 'destination', true, 'template-webhook', 'gAAAAnothing')`
      const functions = yield* of(1).pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
      )
      assert.strictEqual(functions?.destinations.length, 1)
      const inputs = functions?.destinations[0]?.function.targets[0]?.inputs ?? Inputs.none
      assert.strictEqual(Inputs.resolve(inputs, {})["url"], "https://x.io/s3cr3t")
      assert.isTrue(inputs.secretKeys.has("url"))
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], "encrypted_inputs: no key of ENCRYPTION_SALT_KEYS decrypts it")
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("a team whose GeoIP row was deleted does not get it back", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const store = yield* Service
      yield* store.ensureGeoIpFunction(1)
      yield* sql`UPDATE posthog_hogfunction SET deleted = true`
      yield* store.ensureGeoIpFunction(1)
      assert.isUndefined(yield* of(1))
    }).pipe(Effect.provide(onDatabase))
  )
})
