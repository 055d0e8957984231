/** The `engine` program's two ports, driven from outside with the client that people use. */
import { request } from "node:http"
import { Readable } from "node:stream"
import { gzipSync } from "node:zlib"
import { assert, layer } from "@effect/vitest"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import * as Schema from "@tributary/runtime-node/clickhouse/Schema"
import { Effect, Layer, Redacted } from "effect"
import { maxBodyBytes } from "../../src/clickhouse/WriteFront.ts"
import { clientOf, failing, overHttp, Program, password, rows } from "./support.ts"

const writer = Effect.flatMap(Program, ({ url }) => clientOf(url))
const reader = Effect.flatMap(Program, ({ readUrl }) => clientOf(readUrl))

const migrated = Layer.effectDiscard(ClickHouseHttp.migrate({ database: "tributary" })).pipe(Layer.provide(overHttp))

interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** A plain request to the port that writes. */
const ask = (path: string, { headers = {}, body }: Asked = {}) =>
  Effect.flatMap(Program, ({ addresses }) =>
    Effect.callback<{ readonly status: number; readonly text: string; readonly code: string | undefined }>((resume) => {
      const outgoing = request(
        { host: "127.0.0.1", port: addresses.writePort, path, method: "POST", headers },
        (incoming) => {
          const chunks: Array<Buffer> = []
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
          incoming.on("end", () => {
            const code = incoming.headers["x-clickhouse-exception-code"]?.toString()
            resume(Effect.succeed({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString(), code }))
          })
        }
      )
      outgoing.on("error", (error) => resume(Effect.die(error)))
      outgoing.end(body)
    })
  )

const key = { "x-clickhouse-key": Redacted.value(password) }

layer(migrated.pipe(Layer.provideMerge(Program.layer)), { excludeTestServices: true })("the engine program", (it) => {
  it.effect("makes every table and view of the schema, over and over", () =>
    Effect.gen(function* () {
      const client = yield* writer
      for (const statement of Schema.statements({ database: "tributary" })) {
        yield* Effect.promise(() => client.command({ query: statement }))
      }
      const found = yield* rows(client, "SELECT count() AS n FROM system.tables WHERE database = 'tributary'")
      assert.isAtLeast(Number(found[0]?.["n"]), 16)
    }).pipe(Effect.scoped)
  )

  it.effect("takes the inserts of the client, and shows the rows to readers", () =>
    Effect.gen(function* () {
      const client = yield* writer
      const values = [
        { topic: "client", partition: 0, offset: 1, raw: "ü \\ ' \t" },
        { topic: "client", partition: 0, offset: 2, raw: "😀" }
      ]
      const insert = { table: "tributary.kafka_errors", values, format: "JSONEachRow" } as const
      yield* Effect.promise(() => client.insert({ ...insert, columns: ["topic", "partition", "offset", "raw"] }))
      const found = yield* rows(
        yield* reader,
        "SELECT raw FROM tributary.kafka_errors WHERE topic = 'client' ORDER BY offset"
      )
      assert.deepStrictEqual(
        found,
        values.map(({ raw }) => ({ raw }))
      )
    }).pipe(Effect.scoped)
  )

  it.effect("inserts a stream as the bytes that it is, cut in the middle of characters", () =>
    Effect.gen(function* () {
      const client = yield* writer
      const bytes = Buffer.from(`{"topic":"stream","raw":"${"ü😀".repeat(1000)}"}\n`)
      const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7))
      yield* Effect.promise(async () => {
        const { stream } = await client.exec({
          query: "INSERT INTO tributary.kafka_errors FORMAT JSONEachRow",
          values: Readable.from(pieces, { objectMode: false })
        })
        for await (const _ of stream);
      })
      const found = yield* rows(client, "SELECT raw FROM tributary.kafka_errors WHERE topic = 'stream'")
      assert.deepStrictEqual(found, [{ raw: "ü😀".repeat(1000) }])
    }).pipe(Effect.scoped)
  )

  it.effect("finds an insert in the URL, in the body, in both, with columns, settings and quotes, packed or not", () =>
    Effect.gen(function* () {
      const forms: ReadonlyArray<readonly [string, string | Uint8Array, Record<string, string>?]> = [
        ["INSERT INTO tributary.kafka_errors FORMAT JSONEachRow", '{"topic":"forms","offset":1}'],
        ["", 'insert into `tributary`."kafka_errors" format JSONEachRow\n{"topic":"forms","offset":2}\n'],
        [
          'INSERT INTO tributary.kafka_errors FORMAT JSONEachRow {"topic":"forms","offset":3}',
          '{"topic":"forms","offset":4}'
        ],
        ["INSERT INTO tributary.kafka_errors (topic, `offset`) FORMAT CSV", "forms,5\n"],
        [
          "",
          "INSERT INTO TABLE tributary.kafka_errors(topic, offset) SETTINGS format_csv_delimiter = ';', async_insert=1 FORMAT CSV\nforms;6\n"
        ],
        [
          "INSERT INTO tributary.kafka_errors FORMAT JSONEachRow",
          gzipSync('{"topic":"forms","offset":7}'),
          { "content-encoding": "gzip" }
        ],
        ["", "INSERT INTO tributary.kafka_errors (topic, offset) VALUES ('forms', 8)"],
        ["INSERT INTO tributary.kafka_errors (topic, offset) FORMAT Values", "('forms', 9)"],
        ["INSERT INTO tributary.kafka_errors (topic, offset) SELECT 'forms', 10", ""]
      ]
      for (const [query, body, headers] of forms) {
        const got = yield* ask(`/?query=${encodeURIComponent(query)}`, { body, headers: { ...key, ...headers } })
        assert.strictEqual(got.status, 200, got.text)
      }
      const found = yield* rows(
        yield* writer,
        "SELECT groupArray(offset) AS all FROM (SELECT toUInt8(offset) AS offset FROM tributary.kafka_errors WHERE topic = 'forms' ORDER BY offset)"
      )
      assert.deepStrictEqual(found, [{ all: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }])
    }).pipe(Effect.scoped)
  )

  it.effect("counts inserts of one token once, and bare names as the request's database", () =>
    Effect.gen(function* () {
      const path = (token: string) =>
        `/?database=tributary&insert_deduplication_token=${token}&query=INSERT%20INTO%20kafka_errors%20FORMAT%20JSONEachRow`
      const body = '{"topic":"token"}'
      for (const token of ["a", "a", "b"]) {
        assert.strictEqual((yield* ask(path(token), { body, headers: key })).status, 200)
      }
      const found = yield* rows(
        yield* writer,
        "SELECT toUInt8(count()) AS n FROM tributary.kafka_errors WHERE topic = 'token'"
      )
      assert.deepStrictEqual(found, [{ n: 2 }])
    }).pipe(Effect.scoped)
  )

  it.effect("takes parameters and settings, which end with their request", () =>
    Effect.gen(function* () {
      const client = yield* writer
      const text = "it's \\ \t\n{}"
      const asked = yield* Effect.promise(async () => {
        const result = await client.query({
          query: "SELECT {text:String} AS text, {n:Int64} AS n",
          query_params: { text, n: 7 },
          format: "JSONEachRow",
          clickhouse_settings: { output_format_json_quote_64bit_integers: 1 }
        })
        return result.json()
      })
      assert.deepStrictEqual(asked, [{ text, n: "7" }])
      assert.deepStrictEqual(yield* rows(client, "SELECT toInt64(7) AS n"), [{ n: 7 }])
    }).pipe(Effect.scoped)
  )

  it.effect("tells errors with the code and the type that a server tells", () =>
    Effect.gen(function* () {
      const client = yield* writer
      const insert = (table: string, row: object) => () =>
        client.insert({ table, values: [row], format: "JSONEachRow" })
      const cases: ReadonlyArray<readonly [() => Promise<unknown>, string, string]> = [
        [() => client.query({ query: "SELECT * FROM tributary.nowhere" }), "60", "UNKNOWN_TABLE"],
        [() => client.command({ query: "DROP TABL x" }), "62", "SYNTAX_ERROR"],
        [() => client.command({ query: "CREATE TABLE nodb.t (a Int8) ENGINE = Log" }), "81", "UNKNOWN_DATABASE"],
        [insert("tributary.nowhere", { a: 1 }), "60", "UNKNOWN_TABLE"],
        [insert("tributary.events", { uuid: "abc" }), "376", "CANNOT_PARSE_UUID"],
        [
          () => client.exec({ query: "INSERT INTO tributary.events FORMAT RowBinary", values: Readable.from(["a"]) }),
          "73",
          "UNKNOWN_FORMAT"
        ]
      ]
      for (const [asked, code, type] of cases) {
        const error = yield* failing(asked)
        assert.strictEqual(error.code, code, error.message)
        assert.strictEqual(error.type, type)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("lets nobody write without the password, nor from a web page", () =>
    Effect.gen(function* () {
      const { addresses } = yield* Program
      for (const wrong of ["", "default:wrong@", "default:@"]) {
        const client = yield* clientOf(`http://${wrong}127.0.0.1:${addresses.writePort}`)
        const error = yield* failing(() => client.query({ query: "SELECT 1" }))
        assert.strictEqual(error.code, "516")
        assert.strictEqual(error.type, "AUTHENTICATION_FAILED")
      }
      const page = yield* ask("/?query=SELECT%201", { headers: { ...key, origin: "https://evil.example" } })
      assert.strictEqual(page.code, "497")
      const basic = `Basic ${Buffer.from(`anybody:${Redacted.value(password)}`).toString("base64")}`
      assert.strictEqual((yield* ask("/?query=SELECT%201", { headers: { authorization: basic } })).text, "1\n")
      assert.strictEqual((yield* ask("/ping")).text, "Ok.\n")
    }).pipe(Effect.scoped)
  )

  it.effect("lets nobody write on the port that reads", () =>
    Effect.gen(function* () {
      const { addresses } = yield* Program
      const client = yield* clientOf(
        `http://default:${encodeURIComponent(Redacted.value(password))}@127.0.0.1:${addresses.readPort}`
      )
      const error = yield* failing(() => client.command({ query: "TRUNCATE TABLE tributary.events" }))
      assert.strictEqual(error.code, "164")
    }).pipe(Effect.scoped)
  )

  it.effect("ends a statement whose client goes away", () =>
    Effect.gen(function* () {
      const client = yield* writer
      const running = Effect.map(
        rows(
          client,
          "SELECT toUInt8(count()) AS n FROM system.processes WHERE query LIKE 'SELECT sleepEachRow(0.05)%'"
        ),
        ([row]) => row?.["n"]
      )
      const slow = Effect.promise((signal) =>
        client.query({
          query: "SELECT sleepEachRow(0.05) FROM numbers(1000)",
          abort_signal: signal,
          clickhouse_settings: { max_block_size: "1" }
        })
      )
      const begun = running.pipe(Effect.repeat({ until: (n) => n === 1 }))
      assert.strictEqual(yield* Effect.raceFirst(Effect.as(slow, "answered"), Effect.as(begun, "gone")), "gone")
      yield* running.pipe(Effect.repeat({ until: (n) => n === 0 }))
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a body above its limit, packed or not, and serves the next", () =>
    Effect.gen(function* () {
      const path = "/?query=INSERT%20INTO%20tributary.kafka_errors%20FORMAT%20JSONEachRow"
      const body = Buffer.alloc(maxBodyBytes + 1, 0x20)
      assert.strictEqual((yield* ask(path, { body, headers: key })).status, 413)
      const headers = { ...key, "content-encoding": "gzip" }
      assert.strictEqual((yield* ask(path, { body: gzipSync(body, { level: 1 }), headers })).status, 413)
      assert.strictEqual((yield* ask("/?query=SELECT%201", { headers: key })).text, "1\n")
    })
  )
})
