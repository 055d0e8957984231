import { createServer, type IncomingHttpHeaders } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import { Effect, Layer, Redacted } from "effect"
import * as ClickHouseHttp from "../../src/clickhouse/ClickHouseHttp.ts"

interface Asked {
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

interface Reply {
  readonly status?: number
  readonly code?: number
  readonly body?: string
}

/** A server that remembers what it was asked and answers as ClickHouse's HTTP protocol does. */
const server = (reply: (asked: Asked) => Reply) =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const http = createServer((incoming, outgoing) => {
      const chunks: Array<Buffer> = []
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
      incoming.on("end", () => {
        const url = new URL(incoming.url ?? "/", "http://localhost")
        const one = { url, headers: incoming.headers, body: Buffer.concat(chunks) }
        asked.push(one)
        const { status = 200, code, body = "" } = reply(one)
        outgoing.writeHead(status, code === undefined ? {} : { "x-clickhouse-exception-code": String(code) })
        outgoing.end(body)
      })
    })
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        http.listen(0, "127.0.0.1", () => {
          const address = http.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
        })
      }),
      () =>
        Effect.sync(() => {
          http.close()
          http.closeAllConnections()
        })
    )
    return { asked, url: `http://127.0.0.1:${port}` }
  })

const at = (url: string) =>
  ClickHouseHttp.layerSink("analytics").pipe(
    Layer.provideMerge(ClickHouseHttp.layer({ url, username: "writer", password: Redacted.make("s3cret") }))
  )

const insert = (rows: Uint8Array) =>
  ClickHouseSink.use((sink) => sink.insert({ table: "events", rows, count: 1, token: "topic-1-0-0-1" }))

const failing = (code: number, text: string, status = 500): Reply => ({
  status,
  code,
  body: `Code: ${code}. DB::Exception: ${text} (version 25.5.2.47)`
})

describe("ClickHouse over HTTP", () => {
  it.live("sends rows as the bytes that they are, with the settings that an insert needs", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* server(() => ({}))
      const rows = Uint8Array.from([...Array(256).keys(), 10])
      yield* Effect.provide(insert(rows), at(url))
      const [got] = asked
      assert.deepStrictEqual(new Uint8Array(got?.body ?? []), rows)
      const parameter = (name: string) => got?.url.searchParams.get(name)
      assert.strictEqual(parameter("query")?.trim(), "INSERT INTO analytics.events FORMAT JSONEachRow")
      assert.strictEqual(parameter("insert_deduplication_token"), "topic-1-0-0-1")
      assert.strictEqual(parameter("async_insert"), "0")
      assert.strictEqual(parameter("max_partitions_per_insert_block"), "0")
      assert.strictEqual(parameter("deduplicate_blocks_in_dependent_materialized_views"), "1")
      assert.strictEqual(parameter("date_time_input_format"), "best_effort")
      assert.strictEqual(got?.headers.authorization, `Basic ${Buffer.from("writer:s3cret").toString("base64")}`)
    }).pipe(Effect.scoped)
  )

  const cases: ReadonlyArray<readonly [number, string, "RowRefused" | "Unavailable"]> = [
    [
      27,
      "Cannot parse input: expected ',' before: '.5}': (at row 2) (CANNOT_PARSE_INPUT_ASSERTION_FAILED)",
      "RowRefused"
    ],
    [117, "Duplicate field found while parsing JSONEachRow format: event. (INCORRECT_DATA)", "RowRefused"],
    [376, "Cannot parse uuid abc. (CANNOT_PARSE_UUID)", "RowRefused"],
    [691, "Unknown element 'half' for enum. (UNKNOWN_ELEMENT_OF_ENUM)", "RowRefused"],
    [241, "Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)", "Unavailable"],
    [159, "Timeout exceeded. (TIMEOUT_EXCEEDED)", "Unavailable"],
    [60, "Table analytics.events does not exist. (UNKNOWN_TABLE)", "Unavailable"],
    [516, "writer: Authentication failed. (AUTHENTICATION_FAILED)", "Unavailable"]
  ]
  for (const [code, text, reason] of cases) {
    it.live(`tells error ${code} as ${reason}`, () =>
      Effect.gen(function* () {
        const { url } = yield* server(() => failing(code, text))
        const error = yield* Effect.flip(Effect.provide(insert(Buffer.from("{}\n")), at(url)))
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(error.code, code)
      }).pipe(Effect.scoped)
    )
  }

  it.live("a server that is not there is away, and the error does not tell the password", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(insert(Buffer.from("{}\n")), at("http://127.0.0.1:1")))
      assert.strictEqual(error.reason, "Unavailable")
      assert.strictEqual(error.code, 0)
      assert.notStrictEqual(error.message, "")
      assert.notInclude(JSON.stringify(error), "s3cret")
    })
  )

  it.live("reads rows, with parameters", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* server(() => ({ body: '{"n":"7"}\n{"n":"8"}\n' }))
      const rows = yield* ClickHouseHttp.ClickHouseHttp.use((http) =>
        http.query("SELECT {a:Int64} AS n", { a: 7 })
      ).pipe(Effect.provide(at(url)))
      assert.deepStrictEqual(rows, [{ n: "7" }, { n: "8" }])
      assert.strictEqual(asked[0]?.url.searchParams.get("param_a"), "7")
    }).pipe(Effect.scoped)
  )

  it.live("makes the schema statement by statement, before there is a database to connect to", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* server(() => ({}))
      yield* ClickHouseHttp.migrate({ database: "analytics", eventsTtlDays: 30 }).pipe(Effect.provide(at(url)))
      const statements = asked.map(({ body }) => String(body).trim()).filter((sql) => !sql.startsWith("SELECT"))
      assert.match(statements[0] ?? "", /^CREATE DATABASE IF NOT EXISTS analytics/)
      assert.match(statements.at(-2) ?? "", /^ALTER TABLE analytics\.events MODIFY TTL .* \+ toIntervalDay\(30\)/)
      assert.strictEqual(statements.at(-1), "CREATE OR REPLACE VIEW analytics.schema_version AS SELECT 1 AS version")
      assert.isTrue(asked.every((one) => one.url.searchParams.get("database") !== "analytics"))
    }).pipe(Effect.scoped)
  )
})
