/**
 * Runs the tests that need a Kafka broker (`*.stack.test.ts`), once it is sure that there can be one: Java 17 is here, and the
 * jars are, or Maven can fetch them. Arguments go to vitest. The last line is `N passed, N failed`.
 */
import * as Effect from "effect/Effect"
import * as Jars from "../packages/embedded/src/kafka/Jars.ts"
import * as Java from "../packages/embedded/src/kafka/Java.ts"

const neededBy = "npm run test:stack"
const missing = await Effect.runPromise(
  Java.locate(neededBy).pipe(
    Effect.andThen(Jars.ensure(Jars.defaultCache(), neededBy)),
    Effect.match({ onSuccess: () => undefined, onFailure: ({ message }) => message })
  )
)
if (missing === undefined) {
  process.argv.splice(2, 0, "--config", "vitest.stack.config.ts")
  await import("./test.mjs")
} else {
  console.error(missing)
  process.exitCode = 1
}
