/** `npm start`'s program as a process of its own, on free ports, and what it says. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import * as Port from "@tributary/embedded/process/Port"
import { Deferred, Effect } from "effect"

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** On standard output, and on standard error. */
  readonly printed: string
  readonly errors: string
}

export interface Started {
  readonly pid: number
  readonly port: number
  readonly clickhousePort: number
  /** All that it printed once it was ready; fails the test when it ends before. */
  readonly greeting: Effect.Effect<string>
  readonly ended: Effect.Effect<Ended>
  /** Waits until it has printed the text, on either output. */
  readonly said: (text: string) => Effect.Effect<void>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<Ended>
}

const main = join(import.meta.dirname, "../../src/main.ts")
const last = "Ctrl-C drains and stops."

/** Killed with the scope, if it is still there. */
export const start = (dataDir: string, settings: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const [port, postgresPort, clickhousePort] = yield* Effect.all([Port.take, Port.take, Port.take])
    const environment: Record<string, string | undefined> = {
      PATH: process.env["PATH"],
      DATA_DIR: dataDir,
      PORT: String(port),
      POSTGRES_PORT: String(postgresPort),
      CLICKHOUSE_HTTP_PORT: String(clickhousePort),
      LOG_FORMAT: "json",
      ...settings
    }
    const ended = yield* Deferred.make<Ended>()
    const waiting = new Map<string, Deferred.Deferred<void>>()
    let [printed, errors] = ["", ""]
    const heard = (): void => {
      for (const [text, done] of waiting) {
        if (printed.includes(text) || errors.includes(text)) Deferred.doneUnsafe(done, Effect.void)
      }
    }
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [main], { env: environment, stdio: ["ignore", "pipe", "pipe"] })),
      (running) =>
        Effect.andThen(
          Effect.sync(() => running.kill("SIGKILL")),
          Deferred.await(ended)
        )
    )
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      heard()
    })
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString()
      heard()
    })
    child.once("close", (code, signal) => Deferred.doneUnsafe(ended, Effect.succeed({ code, signal, printed, errors })))
    const said = (text: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (printed.includes(text)) return Effect.void
        const done = Deferred.makeUnsafe<void>()
        waiting.set(text, done)
        return Effect.raceFirst(
          Deferred.await(done),
          Effect.flatMap(Deferred.await(ended), () =>
            Effect.die(new Error(`it ended before it said "${text}": ${errors}`))
          )
        )
      })
    return {
      pid: child.pid ?? 0,
      port,
      clickhousePort,
      greeting: Effect.andThen(
        said(last),
        Effect.sync(() => printed)
      ),
      ended: Deferred.await(ended),
      said,
      kill: (signal) =>
        Effect.andThen(
          Effect.sync(() => child.kill(signal)),
          Deferred.await(ended)
        )
    } satisfies Started
  })

/** Status and text of an answer. */
export const request = (url: string, body?: string) =>
  Effect.promise(async () => {
    const reply = await fetch(url, body === undefined ? {} : { method: "POST", body })
    return { status: reply.status, text: await reply.text() }
  })

export const capture = ({ port }: Started, ...names: ReadonlyArray<string>) =>
  request(
    `http://127.0.0.1:${port}/batch/`,
    JSON.stringify({
      api_key: "phc_local",
      batch: names.map((event) => ({ event, distinct_id: "me", properties: { $set: { last: event } } }))
    })
  )

/** Asks ClickHouse until it holds these events, sorted by name. */
export const events = ({ clickhousePort }: Started, wanted: ReadonlyArray<string>) =>
  request(
    `http://127.0.0.1:${clickhousePort}/`,
    "SELECT event FROM events_deduplicated ORDER BY event FORMAT TabSeparated"
  ).pipe(
    Effect.map(({ text }) => text.split("\n").filter((line) => line !== "")),
    Effect.repeat({ until: (names) => names.length >= wanted.length })
  )
