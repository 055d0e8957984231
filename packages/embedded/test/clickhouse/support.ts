/** A real engine in a folder of its own, with the schema. One per test file: the engine serves one folder a process. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { afterAll } from "vitest"
import { Tables } from "../../../pipeline/test/contract/ClickHouseSink.ts"
import * as EmbeddedClickHouse from "../../src/clickhouse/EmbeddedClickHouse.ts"
import * as Engine from "../../src/clickhouse/Engine.ts"
import * as Query from "../../src/clickhouse/Query.ts"

const folders: Array<string> = []

/** A folder that goes after the last test of the file, when engines are closed. */
export const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), "tributary-clickhouse-"))
  folders.push(made)
  return made
}

// Not when the process exits: vitest ends it by a signal.
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})

export const engine = EmbeddedClickHouse.layer().pipe(
  Layer.provideMerge(Engine.layer({ folder: folder(), database: "tributary" }))
)

export const rows = (sql: string, parameters?: Readonly<Record<string, Query.Parameter>>) =>
  Engine.Engine.use((opened) => Query.rows(opened, sql, parameters))

export const tables = Layer.effect(
  Tables,
  Effect.gen(function* () {
    const opened = yield* Engine.Engine
    return Tables.of({
      column: (table, column) =>
        Query.rows(opened, `SELECT toString(\`${column}\`) AS value FROM tributary.${table}`).pipe(
          Effect.map((found) => found.map(({ value }) => String(value))),
          Effect.orDie
        )
    })
  })
)
