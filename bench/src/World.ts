/**
 * A PostgreSQL of the bench's own, as `npm start` runs it (fsync on), in a folder that goes with the scope; in it the log, the
 * people, and a project.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as EmbeddedProducer from "@tributary/embedded/log/EmbeddedProducer"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import { LogHeads } from "@tributary/embedded/log/LogHeads"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import * as Database from "@tributary/runtime-node/postgres/Database"
import { insertProject } from "@tributary/runtime-node/postgres/InsertProject"
import * as Migrations from "@tributary/runtime-node/postgres/Migrations"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { token } from "./Events.ts"

/** Where the server is, and the project. */
export class World extends Context.Service<
  World,
  { readonly url: string; readonly dataDir: string; readonly team: number }
>()("@tributary/bench/World") {}

/** A new folder, removed when the scope closes. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tributary-bench-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The pools and the log of one process of the bench. Three connections for the log, as in `npm start`. */
export const stores = (url: string, { dataDir, gatherMs }: { readonly dataDir: string; readonly gatherMs: number }) => {
  const address = Redacted.make(url)
  const databases = Database.layer({ databaseUrl: address, personsDatabaseUrl: address, poolSize: 7 })
  return EmbeddedProducer.layer({ dataDir, gatherMs }).pipe(
    Layer.provideMerge(LogHeads.layer({ partitions: 4 })),
    Layer.provideMerge(LogDatabase.layer({ url: address, connections: 3 })),
    Layer.provideMerge(databases)
  )
}

export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const dataDir = yield* folder
    const context = yield* Layer.build(EmbeddedPostgres.layer({ dataDir }))
    const url = Redacted.value((yield* Effect.provide(EmbeddedPostgres, context)).url)
    const world = Effect.gen(function* () {
      yield* Migrations.projects
      yield* Migrations.persons
      const { id } = yield* insertProject({ token, name: "Bench" })
      return World.of({ url, dataDir, team: id })
    })
    return Layer.effect(World, world).pipe(Layer.provideMerge(stores(url, { dataDir, gatherMs: 0 })))
  })
)

/** What programs of the bench get from their environment. */
export const settings = Config.all({
  url: Config.String("BENCH_DATABASE_URL"),
  dataDir: Config.String("BENCH_DATA_DIR"),
  gatherMs: Config.Int("BENCH_GATHER_MS").pipe(Config.withDefault(0))
})

export const environment = (world: World["Service"], gatherMs = 0): Readonly<Record<string, string>> => ({
  BENCH_DATABASE_URL: world.url,
  BENCH_DATA_DIR: world.dataDir,
  BENCH_GATHER_MS: String(gatherMs)
})
