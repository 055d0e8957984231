/** What is where, once everything stands. */
import type { Settings } from "./Config.ts"

export const greeting = (settings: Settings): string => {
  const { clickhousePort, dataDir, healthPort, host, kafkaPort, port, postgresPort, projectToken, workers } = settings
  const address = `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`
  const event = JSON.stringify({ api_key: projectToken, event: "hello", distinct_id: "me" })
  return [
    `Tributary is ready at ${address}`,
    `Project token: ${projectToken}`,
    "",
    `  Kafka       127.0.0.1:${kafkaPort}`,
    `  PostgreSQL  postgres://tributary:tributary@127.0.0.1:${postgresPort}/tributary`,
    `  ClickHouse  http://127.0.0.1:${clickhousePort} (read-only)`,
    `  health      http://127.0.0.1:${healthPort} capture, ${healthPort + 1}${workers === 1 ? "" : ` to ${healthPort + workers}`} workers`,
    `  logs        ${dataDir}/*.log`,
    "",
    "Send a first event:",
    `  curl ${address}/i/v0/e/ -H 'Content-Type: application/json' -d '${event}'`,
    "",
    "Ctrl-C drains and stops."
  ].join("\n")
}
