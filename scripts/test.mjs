/** Runs every test that needs Node alone; arguments go to vitest. The last line is `N passed, N failed`. */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "tributary-test-"))
const results = join(folder, "results.json")
const vitest = spawn(
  process.execPath,
  ["node_modules/vitest/vitest.mjs", "run", "--reporter=dot", "--reporter=json", `--outputFile.json=${results}`].concat(
    process.argv.slice(2)
  ),
  { stdio: "inherit" }
)
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => vitest.kill(signal))

vitest.on("exit", (code) => {
  let passed = 0
  let failed = 1
  try {
    const report = JSON.parse(readFileSync(results, "utf8"))
    passed = report.numPassedTests
    // A file that cannot be loaded has no tests to fail, and an error outside of any test fails the run alone.
    const brokenFiles = report.testResults.filter(
      (file) => file.status === "failed" && file.assertionResults.length === 0
    )
    failed = report.numFailedTests + brokenFiles.length
    if (failed === 0 && code !== 0) failed = 1
  } catch {
    console.error("vitest left no results")
  }
  rmSync(folder, { recursive: true, force: true })
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
})
