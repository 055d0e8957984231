/**
 * One Kafka broker for all test files that need one (`*.stack.test.ts`); each makes topics of its own on it. It cannot outlive
 * this process, however that ends; a folder that a killed run left is removed by the next one.
 */
import { rmSync } from "node:fs"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import type { TestProject } from "vitest/node"
import { freshDataDir } from "./globalFolder.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** `127.0.0.1:port` of the broker, as in `KAFKA_HOSTS`. */
    readonly kafkaHosts: ReadonlyArray<string>
  }
}

export default async function setup(project: TestProject) {
  const given = process.env["TEST_KAFKA_HOSTS"]
  if (given !== undefined && given !== "") return project.provide("kafkaHosts", given.split(","))

  const dataDir = freshDataDir("tributary-test-kafka-")
  const scope = Scope.makeUnsafe()
  const layer = EmbeddedKafka.layer({ dataDir, neededBy: "npm run test:stack" })
  const services = await Effect.runPromise(
    Layer.buildWithScope(layer, scope).pipe(
      Effect.onError(() => Effect.sync(() => rmSync(dataDir, { recursive: true, force: true })))
    )
  )
  project.provide("kafkaHosts", Context.get(services, EmbeddedKafka).hosts)
  return async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    rmSync(dataDir, { recursive: true, force: true })
  }
}
