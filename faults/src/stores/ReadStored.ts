/** Reads what the checks look at, as users would: PostgreSQL's tables and ClickHouse's views, of the load's project. */
import { fromJson, type Properties } from "@tributary/domain/event/Properties"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type Assembly, AssemblyError } from "../Assembly.ts"
import type { People, Stored, StoredGroup, StoredMapping, StoredPerson } from "../check/Stored.ts"
import * as Postgres from "./Postgres.ts"

type Row = Postgres.Row

const teamStatement = "SELECT id FROM posthog_team WHERE api_token = $1"

const seconds = "floor(extract(epoch FROM created_at)) AS created_at"

/** Of one snapshot, so that they agree with one another. */
const postgresStatements = [
  `SELECT uuid, properties, version, is_identified, ${seconds} FROM posthog_person WHERE team_id = $1`,
  `SELECT d.distinct_id, p.uuid AS person_id, d.version
   FROM posthog_persondistinctid d JOIN posthog_person p ON p.id = d.person_id WHERE d.team_id = $1`,
  `SELECT group_type_index, group_key, group_properties AS properties, version, ${seconds} FROM posthog_group WHERE team_id = $1`,
  "SELECT group_type, group_type_index FROM posthog_grouptypemapping WHERE team_id = $1"
]

const personOf = (row: Row): StoredPerson => ({
  uuid: String(row["uuid"]),
  properties: propertiesOf(row["properties"]),
  version: Number(row["version"]),
  isIdentified: Boolean(row["is_identified"]),
  createdAt: Number(row["created_at"])
})

const mappingOf = (row: Row): StoredMapping => ({
  distinctId: String(row["distinct_id"]),
  person: String(row["person_id"]),
  version: Number(row["version"])
})

const groupOf = (row: Row): StoredGroup => ({
  index: Number(row["group_type_index"]),
  key: String(row["group_key"]),
  properties: propertiesOf(row["properties"]),
  version: Number(row["version"]),
  createdAt: Number(row["created_at"])
})

/** PostgreSQL's are read already, ClickHouse's are texts. */
const propertiesOf = (value: unknown): Properties => fromJson(typeof value === "string" ? value : JSON.stringify(value))

const readPostgres = (url: string, team: number) =>
  Effect.map(
    Postgres.read(url, postgresStatements, [team]),
    ([persons = [], mappings = [], groups = [], groupTypes = []]) => {
      const people: People = {
        persons: persons.map(personOf),
        mappings: mappings.map(mappingOf),
        groups: groups.map(groupOf)
      }
      const types = groupTypes.map((row) => [String(row["group_type"]), Number(row["group_type_index"])] as const)
      return { people, groupTypes: new Map(types) }
    }
  )

/** Of an answer with events: the engine's front gives 100,000 at most. */
const sliceRows = 50_000

const readClickhouse = Effect.fnUntraced(function* (team: number) {
  const { query } = yield* ClickHouseHttp.ClickHouseHttp
  const rows = (sql: string) => query(sql, { team })
  const ofTeam = "WHERE team_id = {team:Int64}"
  const created = "toUnixTimestamp(created_at) AS created_at"
  const [counted] = yield* rows(`SELECT count() AS events FROM events_deduplicated ${ofTeam}`)
  const slices = Math.ceil(Number(counted?.["events"]) / sliceRows)
  const events = Effect.forEach(Array.from({ length: slices }).keys(), (slice) =>
    query(
      `SELECT toString(uuid) AS uuid, distinct_id, toString(person_id) AS person_id, toString(person_mode) AS mode,
         person_properties FROM events_deduplicated ${ofTeam} AND sipHash64(uuid) % {slices:UInt32} = {slice:UInt32}`,
      { team, slices, slice }
    )
  )
  return yield* Effect.all({
    events: Effect.map(events, (read) => read.flat()),
    deadLetters: rows("SELECT uuid, reason FROM dead_letters FINAL"),
    unreadable: rows("SELECT topic, error FROM kafka_errors FINAL"),
    persons: rows(
      `SELECT toString(id) AS uuid, properties, version, is_identified = 1 AS is_identified, ${created} FROM current_person ${ofTeam}`
    ),
    mappings: rows(`SELECT distinct_id, toString(person_id) AS person_id, version FROM current_distinct_id ${ofTeam}`),
    groups: rows(
      `SELECT group_type_index, group_key, group_properties AS properties, version, ${created} FROM current_group ${ofTeam}`
    ),
    overrides: rows(
      `SELECT distinct_id, toString(person_id) AS person_id, version FROM person_distinct_id_overrides FINAL
       ${ofTeam} AND is_deleted = 0`
    )
  })
})

/** A client of the assembly's ClickHouse. */
export const clickhouse = ({ clickhouseUrl }: Assembly) =>
  ClickHouseHttp.layer({ url: clickhouseUrl, username: "default", password: Redacted.make("") })

const fromClickHouse = (cause: { readonly message: string }): AssemblyError =>
  new AssemblyError({ reason: `ClickHouse cannot be read: ${cause.message}` })

/** Whether all of these events can be found; false as well while they cannot be looked for. */
export const areQueryable = (
  uuids: ReadonlyArray<string>
): Effect.Effect<boolean, never, ClickHouseHttp.ClickHouseHttp> =>
  ClickHouseHttp.ClickHouseHttp.use(({ query }) =>
    query("SELECT count(DISTINCT uuid) AS found FROM events WHERE uuid IN {uuids:Array(UUID)}", { uuids })
  ).pipe(
    Effect.map(([row]) => Number(row?.["found"]) === uuids.length),
    Effect.orElseSucceed(() => false)
  )

/** Everything; to be called when nothing is on its way any more. */
export const read = (assembly: Assembly): Effect.Effect<Stored, AssemblyError, ClickHouseHttp.ClickHouseHttp> =>
  Effect.gen(function* () {
    const [teams = []] = yield* Postgres.read(assembly.databaseUrl, [teamStatement], [assembly.token])
    const team = Number(teams[0]?.["id"])
    const { groupTypes, people } = yield* readPostgres(assembly.databaseUrl, team)
    const rows = yield* Effect.mapError(readClickhouse(team), fromClickHouse)
    return {
      log: yield* assembly.log,
      events: rows.events.map((row) => ({
        uuid: String(row["uuid"]),
        distinctId: String(row["distinct_id"]),
        person: String(row["person_id"]),
        mode: String(row["mode"]),
        personProperties: propertiesOf(row["person_properties"])
      })),
      deadLetters: rows.deadLetters.map((row) => ({ uuid: String(row["uuid"]), reason: String(row["reason"]) })),
      unreadable: rows.unreadable.map((row) => `${row["topic"]}: ${row["error"]}`),
      postgres: people,
      clickhouse: {
        persons: rows.persons.map(personOf),
        mappings: rows.mappings.map(mappingOf),
        groups: rows.groups.map(groupOf)
      },
      overrides: rows.overrides.map(mappingOf),
      groupTypes
    }
  })
