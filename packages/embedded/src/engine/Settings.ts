/** Settings of the `engine` program: those of the embedded engine, and where and for whom it is written. */
import { clickhouseDatabase, dataDir } from "@tributary/runtime-node/config/Common"
import { whole } from "@tributary/runtime-node/config/Parsed"
import { tls } from "@tributary/runtime-node/kafka/Settings"
import * as Config from "effect/Config"

export const settings = Config.all({
  /** The engine's data is in its folder `clickhouse`. */
  dataDir,
  /** Of both: 0 = any that is free. */
  port: whole("CLICKHOUSE_HTTP_PORT", { min: 0, max: 65_535 }).pipe(Config.withDefault(8123)),
  writePort: whole("CLICKHOUSE_WRITE_PORT", { min: 0, max: 65_535 }).pipe(Config.withDefault(0)),
  /** The secret of those who write; readers need none. */
  password: Config.Redacted("CLICKHOUSE_PASSWORD"),
  database: clickhouseDatabase,
  /** For Kafka tables that read over TLS. */
  kafkaTls: tls
})

export type Settings = Config.Success<typeof settings>
