/**
 * `npm run faults`: load on the real engines while parts of them are killed; then nothing may be lost, different or out of
 * order (DESIGN, Guarantees).
 *
 *   npm run faults -- [--kind KIND] [--count N] [--seed S]
 *
 * A kind chooses its assembly: that of `npm start`, whose kinds are mixed where none is named, or one on a real Kafka, for which
 * Java 17 is needed. `--kind stack` mixes all kinds of the latter on one broker.
 *
 * Ends with `N faults, L lost, D differences, O out of order`, and with exit code 1 unless L, D and O are 0. Then, and when the
 * run itself fails, the engines' folder is kept.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { AssemblyError, Definition } from "./Assembly.ts"
import * as Cluster from "./assembly/Cluster.ts"
import * as SmallDisk from "./assembly/SmallDisk.ts"
import * as Stack from "./assembly/Stack.ts"
import * as Standalone from "./assembly/Standalone.ts"
import type { Findings } from "./check/Check.ts"
import type { LoadError } from "./load/Load.ts"
import * as Plan from "./Plan.ts"
import * as Suite from "./Suite.ts"

const { values: read } = parseArgs({
  options: {
    kind: { type: "string", default: "standalone" },
    count: { type: "string", default: "20" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) }
  }
})

const refuse = (line: string): never => {
  console.error(line)
  process.exit(1)
}

const whole = (name: "count" | "seed", least: number): number => {
  const value = Number(read[name])
  return Number.isInteger(value) && value >= least
    ? value
    : refuse(`--${name} ${read[name]}: a whole number from ${least} on.`)
}

const assemblies: Readonly<Record<string, Definition>> = {
  standalone: Standalone.definition,
  stack: Stack.definition,
  cluster: Cluster.definition,
  "small-disk": SmallDisk.definition
}

/** All kinds of an assembly that is named, or the one that is named. */
const chosen = (name: string): { readonly assembly: Definition; readonly kinds: ReadonlyArray<string> } => {
  const whole = Object.hasOwn(assemblies, name) ? assemblies[name] : undefined
  if (whole !== undefined) return { assembly: whole, kinds: whole.kinds }
  const assembly = Object.values(assemblies).find(({ kinds }) => kinds.includes(name))
  if (assembly !== undefined) return { assembly, kinds: [name] }
  const all = Object.values(assemblies).flatMap(({ kinds }) => kinds)
  return refuse(`--kind ${name}: there is no such kind; there are ${all.join(", ")}.`)
}

const { assembly, kinds } = chosen(read.kind)
const count = whole("count", 1)
const seed = whole("seed", 0)

/** As many findings of each sort are told; the counts are of all. */
const told = 20

const tell = ({ differences, lost, outOfOrder }: Findings): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const [sort, findings] of Object.entries({ lost, different: differences, "out of order": outOfOrder })) {
      for (const finding of findings.slice(0, told)) yield* Console.log(`${sort}: ${finding}`)
      if (findings.length > told) yield* Console.log(`${sort}: and ${findings.length - told} more`)
    }
  })

const isClean = ({ differences, lost, outOfOrder }: Findings): boolean =>
  lost.length + differences.length + outOfOrder.length === 0

const run = (folder: string): Effect.Effect<Findings, AssemblyError | LoadError> =>
  Effect.scoped(Suite.run(assembly, { folder, seed, faults: Plan.draw({ seed, count, kinds }) }))

/** Kept where there is something to be looked into. */
const leave = (folder: string, exit: Exit.Exit<Findings, unknown>): Effect.Effect<void> => {
  const isKept = Exit.isSuccess(exit) ? !isClean(exit.value) : !Cause.hasInterruptsOnly(exit.cause)
  return isKept
    ? Console.log(`the engines' folder is kept: ${folder}`)
    : Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
}

const program = Effect.gen(function* () {
  yield* Console.log(`seed ${seed}`)
  const folder = Effect.sync(() => mkdtempSync(join(tmpdir(), "tributary-faults-")))
  const findings = yield* Effect.acquireUseRelease(folder, run, leave)
  yield* tell(findings)
  const { differences, lost, outOfOrder } = findings
  yield* Console.log(
    `${count} faults, ${lost.length} lost, ${differences.length} differences, ${outOfOrder.length} out of order`
  )
  return isClean(findings)
})

/** A bug of the suite shows where it is. */
const lineOf = (cause: Cause.Cause<AssemblyError | LoadError>): string =>
  Option.match(Cause.findErrorOption(cause), {
    onNone: () => Cause.pretty(cause),
    onSome: ({ message }) => message
  })

const fiber = Effect.runFork(program)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => Effect.runFork(Fiber.interrupt(fiber)))
fiber.addObserver((exit) => {
  if (Exit.isSuccess(exit) && exit.value) return
  process.exitCode = 1
  if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) console.error(lineOf(exit.cause))
})
