/**
 * `npm run bench`: our programs beside baselines, measured in the same run (DESIGN, Speed; INTERFACE, bench).
 *
 *   npm run bench -- [--only CASE]… [--rounds N] [--json FILE] [--profile FOLDER] [--kafka]
 *
 * With `--kafka` the log is a Kafka broker of the bench's own (Java 17 and Maven), and there are a few cases more.
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { StartError } from "@tributary/embedded/StartError"
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

const log: World.LogName = read.kafka ? "kafka" : "embedded"
const names = Cases.names(log)
const unknown = read.only?.find((name) => !names.includes(name))
if (unknown !== undefined) {
  refuse(`--only ${unknown}: there is no such case on the ${log} log; there are ${names.join(", ")}.`)
}
const rounds = Number(read.rounds)
if (!Number.isInteger(rounds) || rounds < 1) refuse(`--rounds ${read.rounds}: a whole number from 1 on.`)

const program = Effect.gen(function* () {
  const options: Case.Options = { rounds, profileTo: read.profile }
  const results: Array<Result> = []
  const began = performance.now()
  for (const [name, run] of Cases.chosen(log, read.only)) {
    console.error(`— ${name}`)
    const { notes, result } = yield* run(options)
    if (result !== undefined) results.push(result)
    for (const note of notes) console.log(`${name}: ${note}`)
  }
  if (results.length > 0) for (const line of ["", ...Table.lines(results), ""]) console.log(line)
  console.log(`${Table.machine()} ${Math.round((performance.now() - began) / 1000)} s.`)
  if (read.json !== undefined) writeFileSync(read.json, `${JSON.stringify(results, null, 2)}\n`)
}).pipe(Effect.provide(World.layer(log)))

const fiber = Effect.runFork(program)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => Effect.runFork(Fiber.interrupt(fiber)))
fiber.addObserver((exit) => {
  if (exit._tag === "Success") return
  const error = Cause.squash(exit.cause)
  console.error(error instanceof StartError ? error.message : Cause.pretty(exit.cause))
  process.exitCode = 1
})
