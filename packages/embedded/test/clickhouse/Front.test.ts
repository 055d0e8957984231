import { execFile } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { promisify } from "node:util"
import { gunzipSync, gzipSync, zstdDecompressSync } from "node:zlib"
import { ClickHouseLogLevel, createClient } from "@clickhouse/client"
import { assert, layer } from "@effect/vitest"
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import { Effect, Layer, Option } from "effect"
import { Engine } from "../../src/clickhouse/Engine.ts"
import * as Front from "../../src/clickhouse/Front.ts"
import { engine, folder, rows } from "./support.ts"

const elsewhere = Layer.effectDiscard(
  Effect.gen(function* () {
    const { write } = yield* Engine
    yield* write("CREATE DATABASE elsewhere")
    yield* write("CREATE TABLE elsewhere.t ENGINE = MergeTree ORDER BY tuple() AS SELECT 'top secret' AS x")
  })
)

const served = Layer.merge(Front.layer({ port: 0 }), elsewhere).pipe(Layer.provideMerge(engine))

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly bytes: Buffer
  readonly text: string
}

interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** A plain request; `fetch` would set headers of its own. */
const ask = (path: string, { method, headers = {}, body }: Ask = {}) =>
  Effect.flatMap(Front.Front, ({ url }) =>
    Effect.callback<Got>((resume) => {
      const outgoing = request(
        url + path,
        { method: method ?? (body === undefined ? "GET" : "POST"), headers },
        (incoming) => {
          const chunks: Array<Buffer> = []
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
          incoming.on("end", () => {
            const bytes = Buffer.concat(chunks)
            const { statusCode: status = 0, headers } = incoming
            resume(Effect.succeed({ status, headers, bytes, text: bytes.toString() }))
          })
        }
      )
      outgoing.on("error", (error) => resume(Effect.die(error)))
      outgoing.end(body)
      return Effect.sync(() => outgoing.destroy())
    })
  )

const query = (sql: string, more = "") => ask(`/?query=${encodeURIComponent(sql)}${more}`)

/** A file that nobody may read or write through the front. */
const secretFile = join(folder(), "secret.txt")
writeFileSync(secretFile, "top secret\n")
const outFile = join(folder(), "out.txt")

const attacks: ReadonlyArray<readonly [what: string, sql: string, more?: string]> = [
  ["writes a file", `SELECT 1 INTO OUTFILE '${outFile}'`],
  ["overwrites a file", `SELECT 1 INTO OUTFILE '${secretFile}' TRUNCATE`],
  ["reads a file by the table function", `SELECT * FROM file('${secretFile}', 'LineAsString')`],
  ["describes a file", `DESCRIBE TABLE file('${secretFile}')`],
  ["reads a file by the scalar function", `SELECT file('${secretFile}')`],
  ["hides the scalar function in quotes", `SELECT \`file\`('${secretFile}')`],
  ["hides it in double quotes", `SELECT "file"('${secretFile}')`],
  ["hides it behind an escape", `SELECT \`fil\\x65\`('${secretFile}')`],
  ["hides it behind a comment", `SELECT /* ' */ file /* ' */ ('${secretFile}')`],
  ["hides it behind a heredoc", `SELECT $a$ ' $a$, file('${secretFile}'), ' '`],
  ["applies it to all columns", `SELECT * APPLY(file) FROM (SELECT '${secretFile}')`],
  ["maps it over an array", `SELECT arrayMap(file, ['${secretFile}'])`],
  ["names it by a parameter", `SELECT {f:Identifier}('${secretFile}')`, "&param_f=file"],
  ["maps a parameter", `SELECT arrayMap({f:Identifier}, ['${secretFile}'])`, "&param_f=file"],
  [
    "escapes the parameter",
    `SELECT arrayMap({f:Identifier}, ['${secretFile}'])`,
    `&param_f=${encodeURIComponent("fil\\x65")}`
  ],
  ["reads through the overlay of the default database", `SELECT * FROM default.\`${secretFile}\``],
  ["reads through that database as the current one", `SELECT * FROM \`${secretFile}\``, "&database=default"],
  ["reads a template file", `SELECT 1 FORMAT Template SETTINGS format_template_row = '${secretFile}'`],
  [
    "reads a template file by the URL",
    "SELECT 1 FORMAT Template",
    `&format_template_row=${encodeURIComponent(secretFile)}`
  ],
  [
    "writes a schema file by the URL",
    "SELECT 1 FORMAT Protobuf",
    `&output_format_schema=${encodeURIComponent(outFile)}`
  ],
  ["lists a folder", "SELECT * FROM filesystem('/etc')"],
  ["reads another database", "SELECT * FROM elsewhere.t"],
  ["asks an address", "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')"],
  ["asks a bucket", "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')"],
  ["asks another server", "SELECT * FROM remote('127.0.0.1:1', system.one)"],
  ["runs a program", "SELECT * FROM executable('id', 'TSV', 'a String')"],
  ["opens a database file", `SELECT * FROM sqlite('${secretFile}', 't')`],
  ["sets a setting", "SET readonly = 0"],
  ["sets a setting inside a query", "SELECT 1 SETTINGS readonly = 0"],
  ["lifts a limit inside a query", "SELECT 1 SETTINGS max_execution_time = 0"],
  ["takes another role", "SET ROLE writer"],
  ["drops a table", "DROP TABLE events"],
  ["inserts", "INSERT INTO person (team_id) VALUES (666)"],
  ["inserts after a query", "SELECT 1; INSERT INTO person (team_id) VALUES (666)"],
  [
    "makes tables in parallel",
    "CREATE TABLE a (x Int8) ENGINE = Log PARALLEL WITH CREATE TABLE b (x Int8) ENGINE = Log"
  ],
  ["uses another database", "USE system"],
  ["kills queries", "KILL QUERY WHERE 1"],
  ["stops merges", "SYSTEM STOP MERGES"],
  ["makes a function", "CREATE FUNCTION f AS (x) -> x"],
  ["puts SQL into a parameter's name", "SELECT 1", `&${encodeURIComponent("param_x = 1, readonly")}=0`],
  ["puts SQL into the database's name", "SELECT 1", `&database=${encodeURIComponent("x`; DROP TABLE events")}`],
  ["puts SQL into a format", "SELECT 1", "&default_format=CSV%20SETTINGS%20readonly%3D0"],
  ["asks for a setting that is not allowed", "SELECT 1", "&allow_introspection_functions=1"]
]

layer(served, { excludeTestServices: true })("the read-only front", (it) => {
  for (const [what, sql, more] of attacks) {
    it.effect(`refuses a request that ${what}`, () =>
      Effect.gen(function* () {
        const { status, text, headers } = yield* query(sql, more)
        assert.isAtLeast(status, 400, text)
        assert.match(text, /^Code: \d+\. DB::Exception: .*\(version [\d.]+\)\n$/s)
        assert.strictEqual(headers["x-clickhouse-exception-code"], /\d+/.exec(text)?.[0])
        assert.notInclude(text, "top secret")
      })
    )
  }

  it.effect("after all of that, nothing was written and nothing is missing", () =>
    Effect.gen(function* () {
      assert.isFalse(existsSync(outFile))
      assert.strictEqual((yield* rows("SELECT count() AS n FROM tributary.person WHERE team_id = 666"))[0]?.["n"], "0")
      assert.strictEqual((yield* rows("SELECT count() AS n FROM tributary.events"))[0]?.["n"], "0")
      assert.strictEqual(
        (yield* rows("SELECT count() AS n FROM system.tables WHERE name IN ('a', 'b')"))[0]?.["n"],
        "0"
      )
      assert.strictEqual(readFileSync(secretFile, "utf8"), "top secret\n")
    })
  )

  it.effect("the words that are refused may stand in texts, comments and parameters", () =>
    Effect.gen(function* () {
      const { text } = yield* query("SELECT 'file' AS a, {b:String} AS b /* file() */ -- eval", "&param_b=file")
      assert.strictEqual(text, "file\tfile\n")
    })
  )

  for (const [what, headers] of Object.entries({
    "that asks for another host": { host: "evil.example" },
    "of a name that is bound to loopback": { host: "localhost.evil.example:8123" },
    "of a web page": { origin: "https://evil.example" },
    "of a local web page": { origin: "http://localhost:3000" },
    "that another site made the browser send": { "sec-fetch-site": "cross-site" }
  })) {
    it.effect(`refuses a request ${what}`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* ask("/?query=SELECT%201", { headers })).status, 403)
      })
    )
  }

  it.effect("answers ping, and the root without a query", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask("/ping")).text, "Ok.\n")
      assert.strictEqual((yield* ask("/")).text, "Ok.\n")
      assert.strictEqual((yield* ask("/nowhere")).status, 404)
      assert.strictEqual((yield* ask("/", { method: "DELETE" })).status, 405)
    })
  )

  it.effect("takes the statement from the URL, the body, both, a packed body, or a form", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* query("SELECT 1")).text, "1\n")
      assert.strictEqual((yield* ask("/", { body: "SELECT 2" })).text, "2\n")
      assert.strictEqual((yield* ask("/?query=SELECT", { body: "3" })).text, "3\n")
      const packed = { body: gzipSync("SELECT 4"), headers: { "content-encoding": "gzip" } }
      assert.strictEqual((yield* ask("/", packed)).text, "4\n")
      const form = new Response(
        Object.entries({ query: "SELECT {x:UInt8}", param_x: "5" }).reduce((fields, [name, value]) => {
          fields.append(name, value)
          return fields
        }, new FormData())
      )
      const body = Buffer.from(yield* Effect.promise(() => form.arrayBuffer()))
      const headers = { "content-type": form.headers.get("content-type") ?? "" }
      assert.strictEqual((yield* ask("/", { body, headers })).text, "5\n")
    })
  )

  it.effect("takes the format from the statement, then from the URL, then from the header", () =>
    Effect.gen(function* () {
      const header = { "x-clickhouse-format": "CSV" }
      const ofHeader = yield* ask("/", { body: "SELECT 'a' AS x", headers: header })
      assert.strictEqual(ofHeader.text, '"a"\n')
      assert.strictEqual(ofHeader.headers["x-clickhouse-format"], "CSV")
      const ofUrl = yield* ask("/?default_format=JSONEachRow", { body: "SELECT 'a' AS x", headers: header })
      assert.strictEqual(ofUrl.text, '{"x":"a"}\n')
      const ofStatement = yield* ask("/?default_format=JSONEachRow", { body: "SELECT 'a' AS x FORMAT TSVWithNames" })
      assert.strictEqual(ofStatement.text, "x\na\n")
      assert.match(String(ofStatement.headers["content-type"]), /^text\/tab-separated-values/)
    })
  )

  it.effect("answers without colours, wherever the program runs, unless it is asked for them", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* query("SELECT 1 AS x FORMAT Vertical")).text, "Row 1:\n──────\nx: 1\n")
      const coloured = yield* query("SELECT 1 AS x FORMAT Vertical", "&output_format_pretty_color=1")
      assert.include(coloured.text, "\u001b[1mx")
      const setting = yield* query("SELECT getSetting('output_format_pretty_color') FORMAT TSV")
      assert.strictEqual(setting.text, "0\n")
    })
  )

  it.effect("packs the answer when it is asked to", () =>
    Effect.gen(function* () {
      const path = "/?query=SELECT%201&enable_http_compression=1"
      const zipped = yield* ask(path, { headers: { "accept-encoding": "gzip" } })
      assert.strictEqual(gunzipSync(zipped.bytes).toString(), "1\n")
      const zstd = yield* ask(path, { headers: { "accept-encoding": "zstd" } })
      assert.strictEqual(zstdDecompressSync(zstd.bytes).toString(), "1\n")
    })
  )

  it.effect("introduces itself in the headers", () =>
    Effect.gen(function* () {
      const { headers } = yield* query("SELECT 1", "&query_id=mine")
      assert.strictEqual(headers["x-clickhouse-query-id"], "mine")
      assert.match(String(headers["x-clickhouse-timezone"]), /UTC/)
      assert.notStrictEqual(JSON.parse(String(headers["x-clickhouse-summary"])).result_rows, "0")
      const odd = yield* query("SELECT 1", "&query_id=a%0d%0ab")
      assert.match(String(odd.headers["x-clickhouse-query-id"]), /^[\w-]{36}$/)
    })
  )

  it.effect("tells errors as ClickHouse does", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [string, number, RegExp]> = [
        ["SELECT * FROM nowhere", 404, /^Code: 60\. .*\(UNKNOWN_TABLE\) \(version/s],
        ["SELECT nothing", 404, /^Code: 47\. .*\(UNKNOWN_IDENTIFIER\)/s],
        ["SELEC 1", 400, /^Code: 62\. .*Syntax error.*\(SYNTAX_ERROR\)/s],
        ["", 400, /^Code: 62\. /s],
        ["SELECT throwIf(1)", 500, /^Code: 395\. /s],
        ["SELECT {x:String}", 400, /^Code: 456\. /s]
      ]
      for (const [sql, status, pattern] of cases) {
        const got = yield* ask("/", { body: sql })
        assert.match(got.text, pattern)
        assert.strictEqual(got.status, status, got.text)
      }
    })
  )

  it.effect("holds a query to its limits, and a client may only lower them", () =>
    Effect.gen(function* () {
      assert.match((yield* query("SELECT number FROM numbers(200000)")).text, /TOO_MANY_ROWS/)
      assert.match((yield* query("SELECT number FROM numbers(10)", "&max_result_rows=5")).text, /TOO_MANY_ROWS/)
      assert.match((yield* query("SELECT number FROM numbers(200000)", "&max_result_rows=0")).text, /TOO_MANY_ROWS/)
      assert.match(
        (yield* query("SELECT sleepEachRow(1) FROM numbers(3)", "&max_execution_time=1")).text,
        /TIMEOUT_EXCEEDED/
      )
      assert.strictEqual((yield* ask("/", { body: `SELECT '${"x".repeat(1_000_001)}'` })).status, 413)
    })
  )

  it.effect("swallows what clients send by themselves", () =>
    Effect.gen(function* () {
      const more =
        "&wait_end_of_query=1&session_id=a&compress=0&async_insert=1&client_protocol_version=54460&role=x&user=me&password=any"
      assert.strictEqual((yield* query("SELECT 1", more)).text, "1\n")
    })
  )

  it.effect("ends the query of a client that goes away", () =>
    Effect.gen(function* () {
      const slow = "SELECT sleepEachRow(0.05) FROM numbers(190)"
      const running = Effect.map(
        rows("SELECT count() AS n FROM system.processes WHERE query LIKE 'SELECT sleepEachRow(0.05)%'"),
        (found) => found[0]?.["n"]
      )
      const begun = running.pipe(Effect.repeat({ until: (n) => n === "1" }))
      const answer = yield* Effect.raceFirst(
        Effect.as(query(slow, "&max_block_size=1"), "answered"),
        Effect.as(begun, "gone")
      )
      assert.strictEqual(answer, "gone")
      yield* running.pipe(Effect.repeat({ until: (n) => n === "0" }))
    })
  )

  it.effect("serves four queries at a time and lets the others wait", () =>
    Effect.gen(function* () {
      const answers = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, i) => i),
        (i) => query(`SELECT ${i}`),
        {
          concurrency: "unbounded"
        }
      )
      assert.deepStrictEqual(
        answers.map(({ text }) => text),
        Array.from({ length: 12 }, (_, i) => `${i}\n`)
      )
    })
  )

  it.effect("works with @clickhouse/client", () =>
    Effect.gen(function* () {
      const sink = yield* ClickHouseSink
      const person = { id: "018f0000-0000-7000-8000-00000000000a", team_id: 7, version: 1, properties: '{"a":"ü"}' }
      yield* sink.insert({
        table: "person",
        rows: Buffer.from(JSON.stringify(person) + "\n"),
        count: 1,
        token: "front"
      })
      const { url } = yield* Front.Front
      const client = createClient({ url, database: "tributary", log: { level: ClickHouseLogLevel.OFF } })
      yield* Effect.addFinalizer(() => Effect.promise(() => client.close()))
      const found = yield* Effect.promise(async () => {
        assert.isTrue((await client.ping()).success)
        const result = await client.query({
          query: "SELECT id, properties, {text:String} AS text FROM current_person WHERE team_id = {team:Int64}",
          query_params: { team: 7, text: "it's \\ \t\n{}" },
          format: "JSON",
          clickhouse_settings: { output_format_json_quote_64bit_integers: 1 }
        })
        return await result.json()
      })
      assert.deepStrictEqual(found.data, [{ id: person.id, properties: person.properties, text: "it's \\ \t\n{}" }])
      const failed = yield* Effect.tryPromise({
        try: () => client.query({ query: "SELECT * FROM nowhere" }),
        catch: (error) => error as { readonly code?: string; readonly type?: string }
      }).pipe(Effect.flip)
      assert.strictEqual(failed.code, "60")
      assert.strictEqual(failed.type, "UNKNOWN_TABLE")
    }).pipe(Effect.scoped)
  )

  it.effect("works with curl, where there is one", () =>
    Effect.gen(function* () {
      const { url } = yield* Front.Front
      const curl = yield* Effect.option(
        Effect.tryPromise(() =>
          promisify(execFile)("curl", ["-sS", url, "--data-binary", "SELECT 1 + 1 FORMAT JSONEachRow"])
        )
      )
      if (Option.isSome(curl)) assert.strictEqual(curl.value.stdout, '{"plus(1, 1)":2}\n')
    })
  )

  it.effect("a port in use ends the start with one line", () =>
    Effect.gen(function* () {
      const { url } = yield* Front.Front
      const port = Number(new URL(url).port)
      const second = Front.layer({ port }).pipe(Layer.provide(Layer.effect(Engine, Engine)))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(second)))
      assert.strictEqual(error.message, `CLICKHOUSE_HTTP_PORT: port ${port} of 127.0.0.1 is in use`)
    })
  )
})
