/** How a program ends that is asked to: its exit code, and what it says of work that it leaves. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { logFormat } from "../../src/process/Program.ts"
import type { Kind } from "./endingProgram.ts"

/** Starts endingProgram.ts, asks it to end once it has begun, and answers with how it did. */
const end = (kind: Kind) =>
  Effect.callback<readonly [how: number | string | null, errors: string]>((resume) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "endingProgram.ts"), kind], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LOG_FORMAT: "json" }
    })
    let errors = ""
    child.stdout.once("data", () => child.kill("SIGTERM"))
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString()
    })
    child.once("close", (code, signal) => resume(Effect.succeed([signal ?? code, errors])))
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

describe("Program", () => {
  it.effect("logs JSON, but pretty on the terminal of who started it by hand, and as LOG_FORMAT says in any case", () =>
    Effect.gen(function* () {
      const read = (startedByHand: boolean, hasTerminal: boolean, environment = {}) =>
        logFormat({ startedByHand, hasTerminal }).parse(ConfigProvider.fromEnvRecord(environment))
      assert.strictEqual(yield* read(true, true), "pretty")
      for (const [byHand, terminal] of [
        [false, true],
        [true, false],
        [false, false]
      ] as const) {
        assert.strictEqual(yield* read(byHand, terminal), "json")
        assert.strictEqual(yield* read(byHand, terminal, { LOG_FORMAT: "pretty" }), "pretty")
      }
      assert.strictEqual(yield* read(true, true, { LOG_FORMAT: "json" }), "json")
    })
  )

  it.live("ends with 0, and no word, when what was in hand is finished", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* end("finishes"), [0, ""])
    })
  )

  for (const [kind, what] of [
    ["abandoned", "3 batches"],
    ["request", "1 request"],
    ["send", "1 send"]
  ] as const) {
    it.live(`ends with 1, and a line that says so, when ${what} had to be abandoned`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* end(kind), [1, `${what} abandoned: there was no time to finish.\n`])
      })
    )
  }

  it.live("ends at once, as an interrupt does, when it has not ended in time", () =>
    Effect.gen(function* () {
      const line = "Not stopped within 0.5 s; the next start recovers what was not finished (3 batches).\n"
      assert.deepStrictEqual(yield* end("hangs"), ["SIGINT", line])
    })
  )
})
