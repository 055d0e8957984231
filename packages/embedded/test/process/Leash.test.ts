import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Leash from "@tributary/embedded/process/Leash"
import * as OutputLog from "@tributary/embedded/process/OutputLog"
import { Effect } from "effect"
import * as Folder from "../support/Folder.ts"
import * as Program from "../support/Program.ts"

/** Starts a shell that runs `script`, once it has printed that it listens; killed at the end of the scope. */
const start = (script: string, options: Pick<Leash.Command, "repeats" | "graceSeconds"> = {}) =>
  Effect.gen(function* () {
    const output = yield* OutputLog.open(join(yield* Folder.make, "output"))
    const child = yield* Effect.acquireRelease(
      Leash.run({
        command: ["/bin/sh", "-c", script],
        environment: process.env,
        user: undefined,
        output: output.descriptor,
        stop: "TERM",
        force: "KILL",
        ...options
      }),
      ({ kill }) => Effect.sync(kill)
    )
    yield* Program.until(() => output.text().includes("listens"))
    return { child, output }
  })

/** Writes a line for each TERM, and stays. */
const staying = "trap 'echo told' TERM; echo listens; while :; do sleep 0.1; done"

describe("a child whose program is gone", () => {
  it.live("is told to stop once, and forced after the grace", () =>
    Effect.gen(function* () {
      const { child, output } = yield* start(staying, { graceSeconds: 3 })
      child.letGo()
      assert.strictEqual(yield* child.ended, "signal 9")
      assert.strictEqual(output.text().split("told").length - 1, 1)
    })
  )

  it.live("is told again where it may have missed it", () =>
    Effect.gen(function* () {
      const script = "n=0; trap 'n=$((n+1)); [ $n -lt 2 ] || exit 7' TERM; echo listens; while :; do sleep 0.1; done"
      const { child } = yield* start(script, { repeats: true })
      child.letGo()
      assert.strictEqual(yield* child.ended, "exit code 7")
    })
  )

  it.live("ends in its own way where it does", () =>
    Effect.gen(function* () {
      const { child } = yield* start("trap 'exit 5' TERM; echo listens; while :; do sleep 0.1; done")
      child.letGo()
      assert.strictEqual(yield* child.ended, "exit code 5")
      assert.isTrue(child.hasEnded())
    })
  )
})

describe("a child", () => {
  it.live("gets the signals that its program sends", () =>
    Effect.gen(function* () {
      const { child, output } = yield* start(staying)
      child.signal("TERM")
      yield* Program.until(() => output.text().includes("told"))
      child.signal("KILL")
      assert.strictEqual(yield* child.ended, "signal 9")
    })
  )
})
