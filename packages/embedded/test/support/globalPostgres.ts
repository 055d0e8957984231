/**
 * One PostgreSQL server for all test files; each makes databases of its own on it (see TestDatabase.ts). It cannot outlive
 * this process, however that ends; a folder that a killed run left is removed by the next one.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import { Context, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    /** A superuser's URL of the server, with the database `postgres`. */
    readonly postgresUrl: string
  }
}

const prefix = "tributary-test-postgres-"

export default async function setup(project: TestProject) {
  const given = process.env["TEST_POSTGRES_URL"]
  if (given !== undefined && given !== "") return project.provide("postgresUrl", given)

  removeLeftovers()
  const dataDir = mkdtempSync(join(tmpdir(), prefix))
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

const removeLeftovers = () => {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const folder = join(tmpdir(), name)
    if (isAbandoned(folder)) rmSync(folder, { recursive: true, force: true })
  }
}

/** The process that locked it is gone. A folder that is just being made has no lock yet, and stays. */
const isAbandoned = (folder: string): boolean => {
  try {
    process.kill(Number(readFileSync(join(folder, "lock.pid"), "utf8")), 0)
    return false
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "ESRCH"
  }
}
