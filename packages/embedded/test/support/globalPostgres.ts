/** One PostgreSQL server for all test files; each file makes a database of its own on it. */
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    /** A superuser's URL of the server, with the database `postgres`. */
    readonly postgresUrl: string
  }
}

export default async function setup(project: TestProject) {
  project.provide("postgresUrl", process.env["TEST_POSTGRES_URL"] ?? "")
}
