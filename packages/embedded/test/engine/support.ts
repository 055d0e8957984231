/** The engine program as a child process, on a folder and ports of its own. */
import { ClickHouseLogLevel, createClient } from "@clickhouse/client"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import { Context, Data, Effect, Layer, Redacted } from "effect"
import * as EngineProcess from "../../src/engine/EngineProcess.ts"
import * as Port from "../../src/process/Port.ts"
import { folder } from "../clickhouse/support.ts"

export const password = Redacted.make("se:cret/+%")

export const options = (more: Partial<EngineProcess.Options> = {}): EngineProcess.Options => ({
  ...{ dataDir: folder(), httpPort: 0, password, output: "ignore" },
  environment: { LOG_LEVEL: "error" },
  ...more
})

/** On ports that no outgoing connection takes while the program is away. */
export const restartable = Effect.gen(function* () {
  return options({ httpPort: yield* Port.take, writePort: yield* Port.take })
})

/** One program for a block of tests. */
export class Program extends Context.Service<Program, EngineProcess.EngineProcess>()("@tributary/test/EngineProgram") {
  static readonly layer = Layer.effect(
    Program,
    Effect.suspend(() => EngineProcess.start(options()))
  )
}

/** The program as our own layer over HTTP sees it. */
export const http = ({ addresses }: EngineProcess.EngineProcess) =>
  ClickHouseHttp.layer({ url: `http://127.0.0.1:${addresses.writePort}`, username: "default", password })

export const overHttp = Layer.unwrap(Effect.map(Program, http))

/** `@clickhouse/client` on a URL, for as long as the scope is open. */
export const clientOf = (url: string | Redacted.Redacted) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      createClient({
        url: Redacted.isRedacted(url) ? Redacted.value(url) : url,
        log: { level: ClickHouseLogLevel.OFF }
      })
    ),
    (client) => Effect.promise(() => client.close())
  )

export type Client = Effect.Success<ReturnType<typeof clientOf>>

/** An error as the client makes it of an answer. */
export class ClientError extends Data.TaggedError("ClientError")<{
  readonly code: string
  readonly type: string
  readonly message: string
}> {}

/** The error that something fails with. */
export const failing = (ask: () => Promise<unknown>) =>
  Effect.flip(
    Effect.tryPromise({
      try: ask,
      catch: (error) => {
        const { code, message, type } = error as { code?: string; type?: string; message: string }
        return new ClientError({ code: code ?? "", type: type ?? "", message })
      }
    })
  )

export const rows = (client: Client, query: string) =>
  Effect.promise(async () => {
    const result = await client.query({ query, format: "JSONEachRow" })
    return result.json<Readonly<Record<string, unknown>>>()
  })
