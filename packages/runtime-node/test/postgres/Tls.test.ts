import { readFileSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { join } from "node:path"
import { TLSSocket } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { inject } from "vitest"
import * as Pool from "../../src/postgres/Pool.ts"
import * as Tls from "../../src/postgres/Tls.ts"

const folder = join(import.meta.dirname, "../fixtures/tls")
const file = (name: string) => join(folder, name)

/** A PostgreSQL server that speaks TLS: it answers the request for it, then hands on to the real one. */
const tlsServer = (wantsCertificate: boolean) =>
  Effect.gen(function* () {
    const real = new URL(inject("postgresUrl"))
    const server = createServer((client) => {
      client.on("error", () => client.destroy())
      client.once("data", () => {
        client.write("S")
        const secure = new TLSSocket(client, {
          isServer: true,
          cert: readFileSync(file("server.pem")),
          key: readFileSync(file("server.key")),
          ca: readFileSync(file("ca.pem")),
          requestCert: wantsCertificate,
          rejectUnauthorized: wantsCertificate
        })
        const upstream = connect(Number(real.port), real.hostname)
        for (const [one, other] of [
          [secure, upstream],
          [upstream, secure]
        ] as const) {
          one.on("error", () => other.destroy()).on("close", () => other.destroy())
        }
        secure.pipe(upstream).pipe(secure)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
    )
    const { port } = server.address() as AddressInfo
    return (query: string) => {
      const url = new URL(real)
      url.port = String(port)
      url.search = query
      return Redacted.make(url.href)
    }
  })

/** What `SELECT 1` over this URL ends in. */
const ask = (url: Redacted.Redacted) =>
  Effect.gen(function* () {
    const pool = yield* Pool.make({
      ...{ url, setting: "DATABASE_URL", maxConnections: 1 },
      ...{ applicationName: "test", startupParameters: {} }
    })
    return yield* pool.unsafe<{ readonly one: number }>("SELECT 1 AS one")
  }).pipe(
    Effect.match({ onFailure: (error) => error._tag, onSuccess: (rows) => rows[0]?.one }),
    Effect.scoped,
    Effect.provide(Reactivity.layer)
  )

const refused = (url: string) =>
  Effect.map(Effect.flip(Tls.connectionOf(Redacted.make(url), "PERSONS_DATABASE_URL")), ({ message }) => message)

describe("TLS to PostgreSQL", () => {
  it.live("require encrypts and believes a certificate that nobody vouches for, prefer does not", () =>
    Effect.gen(function* () {
      const url = yield* tlsServer(false)
      assert.strictEqual(yield* ask(url("?sslmode=require")), 1)
      assert.strictEqual(yield* ask(url("?sslmode=no-verify")), 1)
      assert.strictEqual(yield* ask(url("?sslmode=prefer")), "SqlError")
    }).pipe(Effect.scoped)
  )

  it.live("verify-ca believes those whom the named root vouches for, verify-full only under their own name", () =>
    Effect.gen(function* () {
      const url = yield* tlsServer(false)
      const root = `&sslrootcert=${encodeURIComponent(file("ca.pem"))}`
      assert.strictEqual(yield* ask(url("?sslmode=verify-ca")), "SqlError")
      assert.strictEqual(yield* ask(url(`?sslmode=verify-ca${root}`)), 1)
      assert.strictEqual(yield* ask(url(`?sslmode=require${root}`)), 1)
      assert.strictEqual(
        yield* ask(url(`?sslmode=require&sslrootcert=${encodeURIComponent(file("client.pem"))}`)),
        "SqlError"
      )
      assert.strictEqual(yield* ask(url(`?sslmode=verify-full${root}`)), "SqlError")
    }).pipe(Effect.scoped)
  )

  it.live("shows the certificate and key that the URL names", () =>
    Effect.gen(function* () {
      const url = yield* tlsServer(true)
      const own = `&sslcert=${encodeURIComponent(file("client.pem"))}&sslkey=${encodeURIComponent(file("client.key"))}`
      assert.strictEqual(yield* ask(url(`?sslmode=require${own}`)), 1)
      assert.strictEqual(yield* ask(url("?sslmode=require")), "SqlError")
    }).pipe(Effect.scoped)
  )

  it.live("require refuses a server without TLS; without a mode such a server is good enough", () =>
    Effect.gen(function* () {
      const plain = inject("postgresUrl")
      assert.strictEqual(yield* ask(Redacted.make(`${plain}?sslmode=require`)), "SqlError")
      assert.strictEqual(yield* ask(Redacted.make(`${plain}?sslmode=prefer`)), 1)
      assert.strictEqual(yield* ask(Redacted.make(`${plain}?sslmode=disable`)), 1)
      assert.strictEqual(yield* ask(Redacted.make(plain)), 1)
    })
  )

  it.effect("says what is wrong without showing the URL", () =>
    Effect.gen(function* () {
      const base = "postgres://me:hidden@db.test/x"
      const lines = [
        yield* refused(`${base}?sslmode=maybe`),
        yield* refused(`${base}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`),
        yield* refused(`${base}?sslrootcert=/some/ca.pem`)
      ]
      assert.include(lines[0], "sslmode=maybe: it may be disable")
      assert.include(lines[1], "sslrootcert=/nowhere/ca.pem, which cannot be read")
      assert.include(lines[2], "but no sslmode")
      assert.notInclude(lines.join(), "hidden")
      // Of two URLs, the one that is meant.
      for (const line of lines) assert.match(line, /^PERSONS_DATABASE_URL (?:has|names) /)
    })
  )
})
