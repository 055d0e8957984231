/**
 * The black-box scenarios of `conformance/` against a running system (its addresses come from the environment, see
 * conformance/README.md). With `--start` they run against a system of their own on free ports and a folder that is removed
 * afterwards: `npm start`, or with `--stack` `npm run stack` (`--workers N`). `--suite FOLDER` takes runner and scenarios from
 * elsewhere, `--due` only those that are listed in conformance/due.json.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Port from "../packages/embedded/src/process/Port.ts"

const args = process.argv.slice(2)
const take = (flag, withValue) => {
  const at = args.indexOf(flag)
  return at < 0 ? undefined : args.splice(at, withValue ? 2 : 1)[withValue ? 1 : 0]
}
const suite = take("--suite", true) ?? "conformance"
const start = take("--start", false) !== undefined
const stack = take("--stack", false) !== undefined
const workers = take("--workers", true) ?? "1"
if (take("--due", false) !== undefined) {
  args.push("--only", JSON.parse(readFileSync("conformance/due.json", "utf8")).join(","))
}

const ended = (child) => new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)))
const run = (env) => {
  const runner = spawn(process.execPath, [join(suite, "run.mjs"), ...args], { stdio: "inherit", env })
  // The system is stopped, and its folder removed, once the runner has ended.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => runner.kill(signal))
  return ended(runner)
}

const startAndRun = async () => {
  const folder = mkdtempSync(join(tmpdir(), "tributary-conformance-"))
  const [port, postgres, clickhouse, kafka, health] = await Effect.runPromise(
    Effect.all([Port.take, Port.take, Port.take, Port.take, Port.takeRow(1 + Number(workers))])
  )
  const [program, settings] = stack
    ? [["apps/stack/src/main.ts", "--workers", workers], { KAFKA_PORT: String(kafka), HEALTH_PORT: String(health) }]
    : [["apps/standalone/src/main.ts"], {}]
  const system = spawn(process.execPath, program, {
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      DATA_DIR: folder,
      PORT: String(port),
      POSTGRES_PORT: String(postgres),
      CLICKHOUSE_HTTP_PORT: String(clickhouse),
      ...settings,
      LOG_LEVEL: process.env.LOG_LEVEL ?? "warn"
    }
  })
  const gone = ended(system)
  const capture = `http://127.0.0.1:${port}`
  const ready = async () => {
    for (;;) {
      const answer = await fetch(`${capture}/_readiness`).catch(() => undefined)
      if (answer?.status === 200) return true
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  try {
    if ((await Promise.race([ready(), gone.then(() => false)])) === false) return 2
    return await run({
      ...process.env,
      CAPTURE_URL: capture,
      DATABASE_URL: `postgres://tributary:tributary@127.0.0.1:${postgres}/tributary`,
      CLICKHOUSE_URL: `http://127.0.0.1:${clickhouse}`
    })
  } finally {
    system.kill("SIGTERM")
    await gone
    rmSync(folder, { recursive: true, force: true })
  }
}

process.exitCode = start ? await startAndRun() : await run(process.env)
