/** Settings that several programs read, by one rule and with one default. */
import * as Token from "@tributary/domain/event/Token"
import * as Config from "effect/Config"
import { leastConnections } from "../postgres/Database.ts"
import { parsed, port, whole } from "./Parsed.ts"

/** Connections of one process to PostgreSQL; `more` of them are needed beside the pools of projects and people. */
export const poolSize = ({ more = 0 }: { readonly more?: number } = {}): Config.Config<number> =>
  whole("POSTGRES_POOL_SIZE", { min: leastConnections + more, max: 1000 }).pipe(Config.withDefault(10))

export const clickhouseDatabase: Config.Config<string> = parsed(
  "CLICKHOUSE_DATABASE",
  (text) => (/^[A-Za-z_]\w{0,63}$/.test(text) ? text : undefined),
  "letters, digits and underscores, at most 64"
).pipe(Config.withDefault("tributary"))

/** The token of the project that is made at the first start. */
export const projectToken: Config.Config<string> = parsed(
  "PROJECT_TOKEN",
  (text) => (Token.faultOf(text) === undefined ? text : undefined),
  `at most ${Token.maxBytes} characters of ASCII, which do not begin with phx_`
).pipe(Config.withDefault("phc_local"))

/** Of the engines on this machine. */
export const dataDir: Config.Config<string> = Config.String("DATA_DIR").pipe(Config.withDefault(".tributary"))

export const postgresPort: Config.Config<number> = port("POSTGRES_PORT").pipe(Config.withDefault(54_320))

/** For reading. */
export const clickhousePort: Config.Config<number> = port("CLICKHOUSE_HTTP_PORT").pipe(Config.withDefault(8123))

/** Of the topics that are made on this machine; elsewhere none are, unless it is set. */
export const partitions: Config.Config<number> = whole("KAFKA_TOPIC_PARTITIONS", { min: 1, max: 1000 }).pipe(
  Config.withDefault(4)
)
