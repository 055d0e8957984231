/** Spec capture 9.7: failures of the log, order, and the end of the program. */
import { assert, describe, it } from "@effect/vitest"
import { ProducerError } from "@tributary/pipeline/service/Producer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { connect, post } from "./support/connection.ts"
import { A, json, start } from "./support/server.ts"

const standing = ["token", "distinct_id", "session_id", "timestamp", "event", "uuid", "now"]

describe("failures and order (spec capture 9.7)", () => {
  it.live(
    "133: while the log is away the answer is 503 with Retry-After, and the next request after that is taken",
    () =>
      Effect.gen(function* () {
        const server = yield* start()
        server.log.faults.send = Effect.fail(new ProducerError({ reason: "Unavailable", cause: "broker down" }))
        const reply = yield* server.send({ path: "/e", body: A })
        assert.deepStrictEqual([reply.status, reply.headers["retry-after"]], [503, "1"])
        assert.deepStrictEqual([json(reply)["type"], json(reply)["code"]], ["server_error", "retryable_sink"])
        assert.notInclude(reply.text, "broker down")
        server.log.faults.send = Effect.void
        assert.strictEqual((yield* server.send({ path: "/e", body: A })).status, 200)
        assert.strictEqual(server.captured().length, 1)
      })
  )

  it.live("133: an acknowledgement that is lost is a 503, too, although the events are there", () =>
    Effect.gen(function* () {
      const server = yield* start()
      server.log.faults.acknowledge = Effect.fail(new ProducerError({ reason: "Unavailable", cause: "timed out" }))
      assert.strictEqual((yield* server.send({ path: "/e", body: A })).status, 503)
      assert.strictEqual(server.captured().length, 1)
    })
  )

  it.live("134: too much waiting, or too little disk, is a 503", () =>
    Effect.gen(function* () {
      const server = yield* start()
      for (const [reason, code] of [
        ["Full", "retryable_sink"],
        ["OutOfDisk", "service_unavailable"]
      ] as const) {
        server.log.faults.send = Effect.fail(new ProducerError({ reason, cause: "test" }))
        const reply = yield* server.send({ path: "/e", body: A })
        assert.deepStrictEqual([reply.status, reply.headers["retry-after"], json(reply)["code"]], [503, "1", code])
      }
    })
  )

  it.live("135: what the log finds too large is a 413, what it refuses a 400 that names the event", () =>
    Effect.gen(function* () {
      const server = yield* start({ capture: { maxEventBytes: 20_000_000 } })
      const large = yield* server.send({ path: "/e", body: { ...A, properties: { x: "x".repeat(9_000_000) } } })
      assert.deepStrictEqual([large.status, json(large)["code"]], [413, "oversize_event"])
      server.log.faults.refuse = ({ value }) => (String(value).includes("poison") ? "bad data" : undefined)
      const batch = [A, { ...A, event: "poison" }]
      const refused = yield* server.send({ path: "/batch", body: { api_key: "phc_test", batch } })
      assert.deepStrictEqual([refused.status, json(refused)["code"]], [400, "non_retry_sink"])
      assert.include(String(json(refused)["detail"]), "Event 1")
    })
  )

  it.live("136: the events of a request keep their order, however many they are", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const batch = Array.from({ length: 12_000 }, (_, i) => ({ event: `e${i}`, distinct_id: "u1" }))
      assert.strictEqual((yield* server.send({ path: "/batch", body: { api_key: "phc_test", batch } })).status, 200)
      assert.deepStrictEqual(
        server.captured().map(({ value }) => value["event"]),
        batch.map(({ event }) => event)
      )
    })
  )

  it.live("138, 20: a request that waits for the log is finished while the server stops taking others", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Scope.provide(start(), scope)
      const arrived = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      server.log.faults.send = Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(released))
      const waiting = yield* Effect.forkChild(server.send({ path: "/e", body: A }))
      yield* Deferred.await(arrived)
      const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.repeat(server.health.troubles, { until: (troubles) => troubles.length > 0 })
      assert.deepStrictEqual(
        (yield* server.health.troubles).map(({ engine, reason }) => [engine, reason]),
        [["the program", "it is stopping"]]
      )
      yield* Deferred.succeed(released, undefined)
      const reply = yield* Fiber.join(waiting)
      assert.deepStrictEqual([reply.status, reply.headers.connection], [200, "close"])
      yield* Fiber.join(stopping)
      assert.strictEqual((yield* Effect.exit(server.send({ path: "/e", body: A })))._tag, "Failure")
      assert.strictEqual(server.captured().length, 1)
    })
  )

  it.live("a request that hangs longer than the drain is cut off", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Scope.provide(start({ server: { drainMs: 10 } }), scope)
      const arrived = yield* Deferred.make<void>()
      server.log.faults.send = Effect.andThen(Deferred.succeed(arrived, undefined), Effect.never)
      const connection = yield* connect(server.port)
      connection.write(post("/e", JSON.stringify(A)))
      yield* Deferred.await(arrived)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* connection.closed, "")
    })
  )

  it.live("139: every message has the nine standing headers, null where nothing is known", () =>
    Effect.gen(function* () {
      const server = yield* start()
      yield* server.send({ path: "/e", body: { ...A, uuid: "0199a1b2-0000-7000-8000-000000000001" } })
      yield* server.send({ path: "/batch", body: { api_key: "phc_test", historical_migration: true, batch: [A] } })
      const [plain, historical] = server.captured()
      assert.deepStrictEqual(plain?.headers, [
        ["token", "phc_test"],
        ["distinct_id", "u1"],
        ["session_id", null],
        ["timestamp", "1767323045678"],
        ["event", "ev"],
        ["uuid", "0199a1b2-0000-7000-8000-000000000001"],
        ["now", "2026-01-02T03:04:05.678Z"],
        ["force_disable_person_processing", null],
        ["historical_migration", null]
      ])
      const names = historical?.headers.map(([name]) => name)
      assert.deepStrictEqual(names, [...standing, "force_disable_person_processing", "historical_migration"])
    })
  )

  it.live("a bug is answered with 500 and tells the client nothing", () =>
    Effect.gen(function* () {
      const server = yield* start()
      server.log.faults.send = Effect.die(new Error("secret"))
      const reply = yield* server.send({ path: "/e", body: A, headers: { origin: "https://a.example" } })
      assert.deepStrictEqual([reply.status, json(reply)["code"]], [500, "internal_error"])
      assert.strictEqual(reply.headers["access-control-allow-origin"], "https://a.example")
      assert.notInclude(reply.text, "secret")
    })
  )

  it.live("an event that is nested too deeply to be written is refused", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`
      const reply = yield* server.send({
        path: "/e",
        body: `{"properties":{"a":${deep}},${JSON.stringify(A).slice(1)}`
      })
      assert.deepStrictEqual([reply.status, json(reply)["code"]], [400, "non_retry_sink"])
      assert.strictEqual((yield* server.send({ path: "/e", body: A })).status, 200)
    })
  )
})
