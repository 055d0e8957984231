/**
 * ClickHouse at the start of a program: the schema is made or completed as soon as the server answers. A server that is
 * away is waited for, with a line a minute; what waiting does not mend (a wrong password, a right that is missing, a schema
 * that is newer) ends the start with one line.
 */
import type { ClickHouseError } from "@tributary/pipeline/service/ClickHouseSink"
import * as Health from "@tributary/pipeline/service/Health"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ClickHouseHttp from "./ClickHouseHttp.ts"
import { SchemaRefused } from "./Migrate.ts"
import * as Schema from "./Schema.ts"

/** ClickHouse's numbers for what may pass. 0: no answer, or none of ClickHouse's. */
const passing: ReadonlySet<number> = new Set([
  0,
  159, // TIMEOUT_EXCEEDED
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  225, // NO_ZOOKEEPER
  236, // ABORTED
  241, // MEMORY_LIMIT_EXCEEDED
  242, // TABLE_IS_READ_ONLY
  243, // NOT_ENOUGH_SPACE
  279, // ALL_CONNECTION_TRIES_FAILED
  285, // TOO_FEW_LIVE_REPLICAS
  341, // UNFINISHED
  394, // QUERY_WAS_CANCELLED
  425, // SYSTEM_ERROR
  439, // CANNOT_SCHEDULE_TASK
  473, // DEADLOCK_AVOIDED
  999 // KEEPER_EXCEPTION
])

/** Another program migrates at this moment: TABLE_ALREADY_EXISTS, UNKNOWN_TABLE, DATABASE_ALREADY_EXISTS. */
const meanwhile: ReadonlySet<number> = new Set([57, 60, 82])

const isMeanwhile = (error: ClickHouseError | SchemaRefused) =>
  error._tag === "ClickHouseError" && meanwhile.has(error.code)

/** Who migrates at the same time is done in a second or two: until then it is no trouble. */
const others = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("500 millis")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 20 })
)

const wrongCredentials: ReadonlySet<number> = new Set([192, 193, 194, 516])

export interface Options extends Schema.Options {
  /** For the lines that name the user. */
  readonly username: string
}

/** The line that ends the start; undefined while it is worth waiting. Never says the password. */
export const refusal = (
  { cluster, database, username }: Options,
  { code, message }: ClickHouseError
): string | undefined => {
  if (passing.has(code) || meanwhile.has(code)) return undefined
  const reason = message.split("\n")[0]?.slice(0, 500) ?? ""
  if (wrongCredentials.has(code)) {
    return `CLICKHOUSE_USER=${username}, CLICKHOUSE_PASSWORD: ClickHouse knows no such user and password`
  }
  if (code === 497) return `CLICKHOUSE_USER=${username} may not do what the tables of ${database} need: ${reason}`
  if (code === 164) return `CLICKHOUSE_URL: ClickHouse lets user ${username} read only: ${reason}`
  if (code === 701 || (code === 170 && cluster !== undefined)) {
    return `CLICKHOUSE_CLUSTER=${cluster}: ClickHouse knows no such cluster`
  }
  return `ClickHouse refuses the schema of ${database}: ${reason}`
}

/** Migrates. */
export const migrate = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<void, SchemaRefused, ClickHouseHttp.ClickHouseHttp | Health.Health> {
  const message = Schema.problem(options)
  if (message !== undefined) return yield* new SchemaRefused({ message })
  const refused = (error: ClickHouseError | SchemaRefused) =>
    error._tag === "SchemaRefused" ? error.message : refusal(options, error)
  yield* ClickHouseHttp.migrate(options).pipe(
    Effect.retry({ schedule: others, while: isMeanwhile }),
    Health.retryWhileAway<ClickHouseError | SchemaRefused>(
      "ClickHouse",
      (error) => refused(error) === undefined,
      (error) => error.message
    ),
    Effect.mapError((error) => new SchemaRefused({ message: refused(error) ?? error.message }))
  )
})
