/** Slow, broken and wasteful clients (spec capture 1.8, 2.3; 9.2 #42, #47). */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { connect, post } from "./support/connection.ts"
import { A, start } from "./support/server.ts"

const event = JSON.stringify(A)

const chunked = (...chunks: ReadonlyArray<string>): string =>
  `POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks
    .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
    .join("")}`

describe("connections", () => {
  it.live("one connection serves many requests, pipelined ones in their order", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const connection = yield* connect(server.port)
      connection.write(post("/e", event) + post("/e", "not json") + post("/e?beacon=1", event))
      const answers = yield* connection.until(/204 No Content/)
      assert.deepStrictEqual(answers.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 400", "HTTP/1.1 204"])
    })
  )

  it.live("a body may come in chunks without a length", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const connection = yield* connect(server.port)
      connection.write(chunked(event.slice(0, 10)))
      connection.write(`${(event.length - 10).toString(16)}\r\n${event.slice(10)}\r\n0\r\n\r\n`)
      yield* connection.until(/\{"status":"Ok"\}$/)
      assert.strictEqual(server.captured().length, 1)
    })
  )

  it.live(
    "42: a body that says it is too large is answered before it has come, and the connection serves on after it",
    () =>
      Effect.gen(function* () {
        const server = yield* start({ server: { maxBodyBytes: 1_000 } })
        const connection = yield* connect(server.port)
        const large = "x".repeat(1_500)
        const request = post("/e", large)
        connection.write(request.slice(0, -large.length))
        assert.match(yield* connection.until(/1000 bytes/), /^HTTP\/1\.1 413 /)
        connection.write(large)
        connection.write(post("/e", event))
        assert.match(yield* connection.until(/\{"status":"Ok"\}$/), /HTTP\/1\.1 200 OK/)
      })
  )

  it.live("42: chunks that add up to too much are answered, too, and the connection serves on", () =>
    Effect.gen(function* () {
      const server = yield* start({ server: { maxBodyBytes: 1_000 } })
      const connection = yield* connect(server.port)
      connection.write(chunked("x".repeat(900), "x".repeat(200)))
      yield* connection.until(/^HTTP\/1\.1 413 /)
      connection.write(`0\r\n\r\n${post("/e", event)}`)
      yield* connection.until(/\{"status":"Ok"\}$/)
    })
  )

  it.live("a client that goes on for twice the limit is cut off", () =>
    Effect.gen(function* () {
      const server = yield* start({ server: { maxBodyBytes: 1_000 } })
      const connection = yield* connect(server.port)
      connection.write(chunked("x".repeat(900), "x".repeat(900), "x".repeat(900)))
      assert.match(yield* connection.closed, /^HTTP\/1\.1 413 /)
    })
  )

  it.live("47: a body that stalls is answered with 408 and the connection is closed", () =>
    Effect.gen(function* () {
      const server = yield* start({ server: { bodyChunkReadTimeoutMs: 50 } })
      const connection = yield* connect(server.port)
      connection.write(post("/e", event).slice(0, -5))
      const answer = yield* connection.closed
      assert.match(answer, /^HTTP\/1\.1 408 /)
      assert.include(answer, "body_read_timeout")
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("headers that never end are answered with 408 and the connection is closed", () =>
    Effect.gen(function* () {
      const server = yield* start({ server: { headerReadTimeoutMs: 50 } })
      const connection = yield* connect(server.port)
      connection.write("POST /e HTTP/1.1\r\nHost: x\r\n")
      assert.match(yield* connection.closed, /^HTTP\/1\.1 408 /)
    })
  )

  it.live("what is no HTTP at all is answered with 400", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const connection = yield* connect(server.port)
      connection.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff, 0x0a, 0x0a]))
      assert.match(yield* connection.closed, /^HTTP\/1\.1 400 /)
      assert.strictEqual((yield* server.send({ path: "/e", body: A })).status, 200)
    })
  )

  it.live("above CONCURRENCY_LIMIT requests wait their turn, and those of clients that are gone free theirs", () =>
    Effect.gen(function* () {
      const server = yield* start({ server: { concurrencyLimit: 1 } })
      const aborted = yield* connect(server.port)
      aborted.write(post("/e", event).slice(0, -5))
      const waiting = yield* connect(server.port)
      waiting.write(post("/e", event))
      // Status routes are outside of the limit, and this answer shows that the requests before it have been seen.
      assert.strictEqual((yield* server.send({ method: "GET", path: "/_liveness" })).status, 200)
      assert.strictEqual(server.captured().length, 0)
      aborted.destroy()
      yield* waiting.until(/\{"status":"Ok"\}$/)
      assert.strictEqual(server.captured().length, 1)
    })
  )

  it.live("a client that leaves while it waits its turn takes no turn", () =>
    Effect.gen(function* () {
      const server = yield* start({ server: { concurrencyLimit: 1 } })
      const arrived = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      server.log.faults.send = Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(released))
      const first = yield* Effect.forkChild(server.send({ path: "/e", body: A }))
      yield* Deferred.await(arrived)
      const leaving = yield* connect(server.port)
      leaving.write(post("/e", event))
      yield* server.send({ method: "GET", path: "/_liveness" })
      leaving.destroy()
      yield* Deferred.succeed(released, undefined)
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
      assert.strictEqual((yield* server.send({ path: "/e", body: A })).status, 200)
    })
  )

  it.live("a port that is taken fails the start with one line", () =>
    Effect.gen(function* () {
      const { port } = yield* start()
      const error = yield* Effect.flip(start({ server: { port } }))
      assert.strictEqual(
        error.message,
        `PORT=${port}: another program listens there, on 127.0.0.1. It may be any free port.`
      )
    })
  )
})
