/** `npm start`'s program as a process of its own, on free ports, and what it says. */
import * as Port from "@tributary/embedded/process/Port"
import { Effect } from "effect"
import { type Running, run } from "./Run.ts"

export interface Started extends Running {
  readonly port: number
  readonly clickhousePort: number
  /** All that it printed once it was ready; fails the test when it ends before. */
  readonly greeting: Effect.Effect<string>
}

/** Killed with the scope, if it is still there. */
export const start = (dataDir: string, settings: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const [port, postgresPort, clickhousePort] = yield* Effect.all([Port.take, Port.take, Port.take])
    const environment = {
      DATA_DIR: dataDir,
      PORT: String(port),
      POSTGRES_PORT: String(postgresPort),
      CLICKHOUSE_HTTP_PORT: String(clickhousePort),
      ...settings
    }
    const running = yield* run({ app: "standalone", environment })
    return { ...running, port, clickhousePort, greeting: running.said("Ctrl-C drains and stops.") } satisfies Started
  })

/** Status and text of an answer. */
export const request = (url: string, body?: string) =>
  Effect.promise(async () => {
    const reply = await fetch(url, body === undefined ? {} : { method: "POST", body })
    return { status: reply.status, text: await reply.text() }
  })

export const capture = ({ port }: Pick<Started, "port">, ...names: ReadonlyArray<string>) =>
  request(
    `http://127.0.0.1:${port}/batch/`,
    JSON.stringify({
      api_key: "phc_local",
      batch: names.map((event) => ({ event, distinct_id: "me", properties: { $set: { last: event } } }))
    })
  )

/** Asks ClickHouse until it holds these events, sorted by name. */
export const events = ({ clickhousePort }: Pick<Started, "clickhousePort">, wanted: ReadonlyArray<string>) =>
  request(
    `http://127.0.0.1:${clickhousePort}/`,
    "SELECT event FROM events_deduplicated ORDER BY event FORMAT TabSeparated"
  ).pipe(
    Effect.map(({ text }) => text.split("\n").filter((line) => line !== "")),
    Effect.repeat({ until: (names) => names.length >= wanted.length })
  )
