/** Types with Effect's diagnostics, lint and format, and the direction of imports. */
import { spawnSync } from "node:child_process"

const steps = [
  ["Effect diagnostics for the compiler", ["node_modules/.bin/effect-tsgo", "patch"]],
  ["types", ["node_modules/.bin/tsc", "-b"]],
  ["types of the tests", ["node_modules/.bin/tsc", "-p", "tsconfig.test.json"]],
  ["lint and format", ["node_modules/.bin/biome", "check", "--error-on-warnings", "."]],
  ["direction of imports", [process.execPath, "scripts/imports.mjs"]]
]

let failed = 0
for (const [name, [command, ...args]] of steps) {
  console.log(`— ${name}`)
  const { status } = spawnSync(command, args, { stdio: "inherit" })
  if (status !== 0) {
    failed += 1
    console.error(`${name}: failed`)
  }
}
console.log(failed === 0 ? "check: all good" : `check: ${failed} of ${steps.length} failed`)
process.exitCode = failed === 0 ? 0 : 1
