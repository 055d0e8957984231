/**
 * The ClickHouse engine as a server that is told nothing of ours but the files of deploy/clickhouse: where a server reads
 * them, beside files of its own that have its defaults.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { EngineError } from "@tributary/embedded/clickhouse/Engine"
import * as Migrate from "@tributary/runtime-node/clickhouse/Migrate"
import type * as Schema from "@tributary/runtime-node/clickhouse/Schema"
import { Session } from "chdb"
import { Effect } from "effect"
import * as Folder from "../../../packages/embedded/test/support/Folder.ts"
import { folder as deployed } from "./Yaml.ts"

type Row = Readonly<Record<string, unknown>>

/** Where the compose file puts them, below /etc/clickhouse-server. */
export const places = { "config.xml": "config.d/tributary.xml", "users.xml": "users.d/tributary.xml" }

const users = `<clickhouse>
  <profiles><default></default></profiles>
  <users><default>
    <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
  </default></users>
  <quotas><default></default></quotas>
</clickhouse>`

/** Closed with the scope. */
export const open = Effect.gen(function* () {
  const folder = yield* Folder.make
  writeFileSync(join(folder, "users.xml"), users)
  writeFileSync(
    join(folder, "config.xml"),
    `<clickhouse><users_config>${join(folder, "users.xml")}</users_config></clickhouse>`
  )
  for (const [file, place] of Object.entries(places)) {
    mkdirSync(join(folder, place, ".."), { recursive: true })
    copyFileSync(join(deployed, "clickhouse", file), join(folder, place))
  }
  const session = yield* Effect.acquireRelease(
    Effect.sync(() => new Session(folder, { connectionArgs: [`--config-file=${join(folder, "config.xml")}`] })),
    (opened) => Effect.sync(() => opened.close())
  )
  const ask = (sql: string, format: string) =>
    Effect.tryPromise({
      try: () => session.queryAsync(sql, { format }),
      catch: (cause) => new EngineError({ code: 0, message: String(cause) })
    })
  return {
    command: (sql: string) => Effect.asVoid(ask(sql, "TabSeparated")),
    rows: (sql: string): Effect.Effect<ReadonlyArray<Row>, EngineError> =>
      Effect.map(ask(sql, "JSON"), (answer) => JSON.parse(new TextDecoder().decode(answer.bytes())).data)
  }
})

/** With our tables. */
export const migrated = (options: Omit<Schema.Options, "database"> = {}) =>
  Effect.tap(open, (server) => Migrate.migrate({ database: "tributary", ...options }, server))
