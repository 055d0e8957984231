import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { tributary } from "@tributary/app-cli/Tributary"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import * as LogGroups from "@tributary/embedded/log/LogGroups"
import * as LogHeads from "@tributary/embedded/log/LogHeads"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import * as TestDatabase from "../../../packages/embedded/test/support/TestDatabase.ts"

/** What a command prints, or what it says of its failure. */
const run = (url: string, ...args: ReadonlyArray<string>) =>
  Command.runWith(tributary, { version: "0", renderErrors: false })(args).pipe(
    Effect.as("done"),
    Effect.catch((error) => Effect.succeed("cause" in error ? String(error.cause) : String(error))),
    Effect.andThen((said) => Effect.map(TestConsole.logLines, (lines) => [...lines.map(String), said])),
    Effect.provide(Layer.merge(Layer.fresh(TestConsole.layer), NodeServices.layer)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { DATABASE_URL: url } }))
  )

const groups = (url: string, ...names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const sql = yield* LogDatabase
    yield* LogHeads.LogHeads.use((heads) => heads.ensure(["events"]))
    for (const name of names) yield* LogGroups.begin(sql, name, ["events"])
  }).pipe(
    Effect.provide(
      LogHeads.LogHeads.layer({ partitions: 2 }).pipe(
        Layer.provideMerge(LogDatabase.layer({ url: Redacted.make(url), connections: 2 }))
      )
    )
  )

describe("tributary log", () => {
  it.live("lists the groups that hold the log, and lets one go", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.make("cli")
      yield* groups(url, "gone", "kept")
      assert.deepStrictEqual(yield* run(url, "log", "groups"), ["gone\nkept", "done"])
      const [line, end] = yield* run(url, "log", "forget", "gone")
      assert.include(line, "Forgot gone")
      assert.strictEqual(end, "done")
      assert.deepStrictEqual(yield* run(url, "log", "groups"), ["kept", "done"])
    }).pipe(Effect.scoped)
  )

  it.live("says that a group is not there", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.make("cli")
      yield* groups(url, "kept")
      const [said] = yield* run(url, "log", "forget", "kepd")
      assert.include(said, "No group kepd reads the log")
    }).pipe(Effect.scoped)
  )

  it.live("makes no tables in a database without a log, and says so", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.make("cli")
      assert.include((yield* run(url, "log", "groups"))[0], "There is no event log in this database")
      assert.include((yield* run(url, "log", "groups"))[0], "There is no event log in this database")
    }).pipe(Effect.scoped)
  )
})
