/** A program with two spans, one in the other, and a line for the log. */
import { Effect } from "effect"
import * as Program from "../../src/process/Program.ts"

Program.run(Effect.withSpan(Effect.withSpan(Effect.logInfo("worked"), "inner"), "outer"), { name: "telemetry-test" })
