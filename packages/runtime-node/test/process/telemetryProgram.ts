/** A program with two spans, one in the other, and a line for the log, which says whether spans are collected. */
import { Effect, References } from "effect"
import * as Program from "../../src/process/Program.ts"

const work = Effect.flatMap(References.TracerEnabled, (isTraced) => Effect.logInfo("worked", { isTraced }))

Program.run(Effect.withSpan(Effect.withSpan(work, "inner"), "outer"), { name: "telemetry-test" })
