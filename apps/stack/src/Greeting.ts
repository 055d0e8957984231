/** What is where, once everything stands. */
import * as Greeting from "@tributary/embedded/Greeting"
import type { Settings } from "./Config.ts"

export const greeting = (settings: Settings): string => {
  const { clickhousePort, dataDir, healthPort, host, kafkaPort, port, postgresPort, projectToken, workers } = settings
  const last = workers === 1 ? "" : ` to ${healthPort + workers}`
  return Greeting.greeting({
    capture: { host, port },
    projectToken,
    places: [
      `Kafka       127.0.0.1:${kafkaPort}`,
      `PostgreSQL  postgres://tributary:tributary@127.0.0.1:${postgresPort}/tributary`,
      `ClickHouse  http://127.0.0.1:${clickhousePort} (read-only)`,
      `health      http://127.0.0.1:${healthPort} capture, ${healthPort + 1}${last} workers`,
      `logs        ${dataDir}/*.log`
    ]
  })
}
