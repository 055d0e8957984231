/**
 * One PostgreSQL server for all test files; each makes databases of its own on it (see TestDatabase.ts). It cannot outlive
 * this process, however that ends; a folder that a killed run left is removed by the next one.
 */
import { rmSync } from "node:fs"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import { Context, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import type { TestProject } from "vitest/node"
import { freshDataDir } from "./globalFolder.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** A superuser's URL of the server, with the database `postgres`. */
    readonly postgresUrl: string
  }
}

export default async function setup(project: TestProject) {
  const given = process.env["TEST_POSTGRES_URL"]
  if (given !== undefined && given !== "") return project.provide("postgresUrl", given)

  const dataDir = freshDataDir("tributary-test-postgres-")
  const scope = Scope.makeUnsafe()
  const services = await Effect.runPromise(
    Layer.buildWithScope(EmbeddedPostgres.layer({ dataDir, settings: { fsync: "off" } }), scope).pipe(
      Effect.provide(Logger.layer([]))
    )
  )
  const url = new URL(Redacted.value(Context.get(services, EmbeddedPostgres).url))
  url.pathname = "/postgres"
  project.provide("postgresUrl", url.href)
  return async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    rmSync(dataDir, { recursive: true, force: true })
  }
}
