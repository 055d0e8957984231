/** The settings of `npm run stack` itself; everything else in the environment is handed on to capture and workers. */
import {
  clickhouseDatabase,
  clickhousePort,
  dataDir,
  partitions,
  postgresPort,
  projectToken
} from "@tributary/runtime-node/config/Common"
import { optional, port } from "@tributary/runtime-node/config/Parsed"
import * as Config from "effect/Config"

export const settings = Config.all({
  dataDir,
  host: Config.NonEmptyString("HOST").pipe(Config.withDefault("127.0.0.1")),
  projectToken,
  port: port("PORT").pipe(Config.withDefault(8000)),
  postgresPort,
  clickhousePort,
  kafkaPort: port("KAFKA_PORT").pipe(Config.withDefault(9092)),
  /** Of capture; worker n has the n-th after it. */
  healthPort: port("HEALTH_PORT").pipe(Config.withDefault(8001)),
  database: clickhouseDatabase,
  partitions,
  encryptionKeys: optional(Config.Redacted("ENCRYPTION_SALT_KEYS"))
})

export type Settings = Config.Success<typeof settings> & { readonly workers: number }
