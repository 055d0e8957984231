/**
 * `npm run bench`: our programs beside baselines, measured in the same run (DESIGN, Speed; INTERFACE, bench).
 *
 *   npm run bench -- [--only CASE]… [--rounds N] [--json FILE] [--profile FOLDER] [--kafka]
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Case from "./Case.ts"
import * as Cases from "./Cases.ts"
import type { Result } from "./Result.ts"
import * as Table from "./Table.ts"
import * as World from "./World.ts"

const { values: read } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    rounds: { type: "string", default: "3" },
    json: { type: "string" },
    profile: { type: "string" },
    kafka: { type: "boolean", default: false }
  }
})

const refuse = (line: string): never => {
  console.error(line)
  process.exit(1)
}

if (read.kafka) refuse("--kafka: there is no Kafka to measure on yet; without it, all cases run on the embedded log.")
const unknown = read.only?.find((name) => !Cases.names.includes(name))
if (unknown !== undefined) refuse(`--only ${unknown}: there is no such case; there are ${Cases.names.join(", ")}.`)
const rounds = Number(read.rounds)
if (!Number.isInteger(rounds) || rounds < 1) refuse(`--rounds ${read.rounds}: a whole number from 1 on.`)

const program = Effect.gen(function* () {
  const options: Case.Options = { rounds, profileTo: read.profile }
  const results: Array<Result> = []
  const began = performance.now()
  for (const [name, run] of Cases.chosen(read.only)) {
    console.error(`— ${name}`)
    const { notes, result } = yield* run(options)
    if (result !== undefined) results.push(result)
    for (const note of notes) console.log(`${name}: ${note}`)
  }
  if (results.length > 0) for (const line of ["", ...Table.lines(results), ""]) console.log(line)
  console.log(`${Table.machine()} ${Math.round((performance.now() - began) / 1000)} s.`)
  if (read.json !== undefined) writeFileSync(read.json, `${JSON.stringify(results, null, 2)}\n`)
}).pipe(Effect.provide(World.layer))

const fiber = Effect.runFork(program)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => Effect.runFork(Fiber.interrupt(fiber)))
fiber.addObserver((exit) => {
  if (exit._tag === "Success") return
  console.error(Cause.pretty(exit.cause))
  process.exitCode = 1
})
