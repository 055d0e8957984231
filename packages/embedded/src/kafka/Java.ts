/** The Java that runs the broker: of `JAVA_HOME`, or the first in `PATH`; 17 or newer. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Once from "../process/Once.ts"
import { StartError } from "../StartError.ts"

export interface Java {
  readonly program: string
  /** Such as `17.0.15`. */
  readonly version: string
}

const oldest = 17

/** `neededBy` begins the line that says what is missing. */
export const locate = (neededBy: string): Effect.Effect<Java, StartError> =>
  Effect.gen(function* () {
    const home = process.env["JAVA_HOME"]
    const program = home === undefined || home === "" ? "java" : join(home, "bin", "java")
    const { output } = yield* Once.run(program, ["-version"])
    const version = versionIn(output)
    if (version !== undefined && Number.parseInt(version, 10) >= oldest) return { program, version }
    const found = version === undefined ? `${program} does not run` : `${program} is Java ${version}`
    return yield* new StartError({
      message: `${neededBy} needs Java ${oldest} or newer, and ${found}: install openjdk-${oldest}-jre-headless or its like, or set JAVA_HOME.`
    })
  })

/** In what `java -version` prints: `openjdk version "17.0.15" 2025-04-15`; Java 8 calls itself 1.8. */
export const versionIn = (output: string): string | undefined => / version "([0-9][^"]*)"/.exec(output)?.[1]
