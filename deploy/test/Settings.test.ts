/** Every setting is read by a program or told of, never passed over without a word, and stands on the page of settings. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Ignored from "@tributary/runtime-node/config/Ignored"
import { type Config, ConfigProvider, Effect } from "effect"
import { all, enough, namesOf, ofEvery } from "./support/Settings.ts"

type Program = keyof typeof all

const isProgram = (name: string): name is Program => Object.hasOwn(all, name)
const settingsOf = (program: Program): Config.Config<unknown> => all[program]
const programs = Object.keys(all).filter(isProgram)

/** A cell of the page: what it says of these settings for a program, or for all of them. */
interface Cell {
  readonly column: string
  readonly names: ReadonlyArray<string>
  readonly text: string
}

const headings: Readonly<Record<string, string>> = { "`npm start`": "standalone", "every program": "every" }

const cellsOf = (line: string): ReadonlyArray<string> =>
  line
    .slice(1, -1)
    .split("|")
    .map((cell) => cell.trim())

const cells: ReadonlyArray<Cell> = readFileSync(new URL("../../docs/operating/settings.md", import.meta.url), "utf8")
  .split(/\n(?!\|)/)
  .map((block) => block.split("\n").filter((line) => line.startsWith("| ")))
  .flatMap(([heading = "", , ...rows]) => {
    const columns = cellsOf(heading).map((name) => headings[name] ?? name)
    return rows.map(cellsOf).flatMap((row) => {
      const names = [...(row[0] ?? "").matchAll(/`(\w+)`/g)].map(([, name = ""]) => name)
      return columns.slice(1, -1).map((column, at) => ({ column, names, text: row[at + 1] ?? "" }))
    })
  })

describe("the settings of the programs", () => {
  it.effect("none that is read is told of as if it were not, and what PostHog's families leave to us is read", () =>
    Effect.gen(function* () {
      const names = yield* Effect.forEach(programs, (program) => namesOf(settingsOf(program)))
      const read = new Set(names.flatMap((some) => [...some]))
      for (const name of ["KAFKA_TLS", "POSTGRES_PORT", "CLICKHOUSE_WRITE_PORT", "KAFKA_SASL_PASSWORD_FILE"]) {
        assert.include(read, name)
      }
      assert.deepStrictEqual(
        [...read].filter((name) => Ignored.kindOf(name) !== undefined),
        []
      )
      assert.deepStrictEqual(
        [...Ignored.ours].filter((name) => !read.has(name)),
        []
      )
    })
  )
})

describe("docs/operating/settings.md", () => {
  for (const program of programs) {
    const own = cells.filter(({ column, text }) => column === program && text !== "–")

    it.effect(`has each setting that ${program} reads, once, and no other`, () =>
      Effect.gen(function* () {
        const listed = own.flatMap(({ names }) => names)
        assert.deepStrictEqual(listed.toSorted(), [...(yield* namesOf(settingsOf(program)))].toSorted())
      })
    )

    it.effect(`says what ${program} has where nothing is set`, () =>
      Effect.gen(function* () {
        const read = (environment: Readonly<Record<string, string>>) =>
          settingsOf(program).parse(ConfigProvider.fromEnvRecord(environment))
        const usual = JSON.stringify(yield* read(enough))
        for (const { names, text } of own) {
          for (const name of names) {
            const { [name]: _, ...without } = enough
            if (text === "needed") {
              assert.include(String(yield* Effect.flip(read(without))), name)
            }
            const [, word, number] = /^(?:`([^`]+)`|(\d+))$/.exec(text) ?? []
            const value = word ?? number
            // The name of another setting: what that one says.
            if (value === undefined || /^[A-Z]+(?:_[A-Z]+)+$/.test(value)) continue
            assert.strictEqual(JSON.stringify(yield* read({ ...enough, [name]: value })), usual, `${name}=${value}`)
          }
        }
      })
    )
  }

  it("has what every program reads before its own", () => {
    const listed = cells.filter(({ column }) => column === "every").flatMap(({ names }) => names)
    assert.deepStrictEqual(listed.toSorted(), [...ofEvery].filter((name) => name.includes("_")).toSorted())
  })
})
