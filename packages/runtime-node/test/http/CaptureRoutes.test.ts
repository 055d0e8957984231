/** Spec capture 9.1: routes, methods, CORS. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { A, json, start } from "./support/server.ts"

const base64 = (text: string): string => Buffer.from(text).toString("base64")

describe("routes, methods, CORS (spec capture 9.1)", () => {
  it.live("1: one event to /capture/ becomes one message with its envelope, key and data", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const reply = yield* server.send({ path: "/capture/", body: A })
      assert.strictEqual(reply.status, 200)
      assert.strictEqual(reply.text, '{"status":"Ok"}')
      assert.strictEqual(reply.headers["content-type"], "application/json")
      const [message, ...others] = server.captured()
      assert.strictEqual(others.length, 0)
      assert.strictEqual(message?.topic, "events_plugin_ingestion")
      assert.strictEqual(message?.key, "phc_test:u1")
      const { data, uuid, ...value } = message?.value ?? {}
      assert.deepStrictEqual(value, {
        distinct_id: "u1",
        ip: "127.0.0.1",
        now: "2026-01-02T03:04:05.678Z",
        token: "phc_test",
        event: "ev",
        timestamp: "2026-01-02T03:04:05.678Z"
      })
      assert.match(String(uuid), /^[0-9a-f-]{36}$/)
      assert.deepStrictEqual(message?.data, {
        token: "phc_test",
        distinct_id: "u1",
        uuid: null,
        event: "ev",
        properties: {}
      })
      assert.isString(data)
    })
  )

  it.live("2: every event path takes it, with and without a trailing slash", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const paths = ["/capture", "/e", "/e/", "/i/v0/e", "/i/v0/e/", "/track", "/track/", "/engage", "/engage/"]
      const all = [...paths, "/batch", "/batch/", "/i/v0/ai/batch", "/i/v0/ai/batch/"]
      for (const path of all) {
        const reply = yield* server.send({ path, body: A })
        assert.strictEqual(reply.status, 200, path)
        assert.strictEqual(reply.text, '{"status":"Ok"}', path)
      }
      assert.deepStrictEqual(
        server.captured().map(({ key }) => key),
        all.map(() => "phc_test:u1")
      )
    })
  )

  it.live("3, 4: GET takes the event from the query, percent-encoded or as base64", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const event = { ...A, properties: { text: "ü >>>???" } }
      const plain = yield* server.send({ method: "GET", path: `/e/?data=${encodeURIComponent(JSON.stringify(event))}` })
      const encoded = base64(JSON.stringify(event))
      assert.include(encoded, "+")
      const escaped = yield* server.send({ method: "GET", path: `/e/?data=${encodeURIComponent(encoded)}` })
      const raw = yield* server.send({ method: "GET", path: `/e/?data=${encoded}` })
      const head = yield* server.send({ method: "HEAD", path: `/e/?data=${encodeURIComponent(encoded)}` })
      for (const reply of [plain, escaped, raw, head]) assert.strictEqual(reply.status, 200)
      assert.strictEqual(head.text, "")
      assert.strictEqual(server.captured().length, 4)
      for (const { data } of server.captured()) assert.deepStrictEqual(data["properties"], { text: "ü >>>???" })
    })
  )

  it.live("5: GET without data is refused", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const reply = yield* server.send({ method: "GET", path: "/e/" })
      assert.strictEqual(reply.status, 400)
      assert.strictEqual(json(reply)["code"], "empty_payload")
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("6: data in the query wins over the body", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const data = encodeURIComponent(JSON.stringify(A))
      const reply = yield* server.send({ path: `/e/?data=${data}`, body: { ...A, distinct_id: "u2" } })
      assert.strictEqual(reply.status, 200)
      assert.deepStrictEqual(
        server.captured().map(({ key }) => key),
        ["phc_test:u1"]
      )
    })
  )

  it.live("7 to 9: wrong methods get 405 with Allow, unknown paths 404, both without a body", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const put = yield* server.send({ method: "PUT", path: "/e/", body: A })
      assert.deepStrictEqual([put.status, put.headers.allow, put.text], [405, "GET, HEAD, POST, OPTIONS", ""])
      const get = yield* server.send({ method: "GET", path: "/i/v0/ai/batch" })
      assert.deepStrictEqual([get.status, get.headers.allow, get.text], [405, "POST, OPTIONS", ""])
      for (const path of [
        "/nope",
        "/e//",
        "/E/",
        "//e",
        "/i/v1/analytics/events",
        "/i/v1/analytics/events/",
        "/i/v0/ai"
      ]) {
        const reply = yield* server.send({ path, body: A })
        assert.deepStrictEqual([reply.status, reply.text], [404, ""], path)
      }
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("10, 11: what SDKs ask for besides gets a polite answer", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const decide = yield* server.send({ path: "/decide/?v=3", body: { token: "phc_test" } })
      assert.strictEqual(decide.status, 200)
      assert.deepStrictEqual(json(decide)["supportedCompression"], ["gzip", "gzip-js"])
      const flags = yield* server.send({ path: "/flags/?v=2", body: { token: "phc_test" } })
      assert.strictEqual(json(flags)["errorsWhileComputingFlags"], false)
      assert.match(String(json(flags)["requestId"]), /^[0-9a-f-]{36}$/)
      const config = yield* server.send({ method: "GET", path: "/array/phc_test/config" })
      assert.strictEqual(json(config)["sessionRecording"], false)
      const script = yield* server.send({ method: "GET", path: "/array/phc_test/config.js" })
      assert.strictEqual(script.headers["content-type"], "application/javascript")
      assert.include(script.text, 'window._POSTHOG_REMOTE_CONFIG["phc_test"] = {')
      assert.strictEqual((yield* server.send({ method: "GET", path: "/array/a%22b/config.js" })).status, 404)
      const replay = yield* server.send({ path: "/s/", body: [] })
      assert.deepStrictEqual(json(replay), { status: "Ok", quota_limited: ["recordings"] })
      assert.strictEqual((yield* server.send({ path: "/test/black_hole", body: A })).status, 200)
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("12: a preflight is answered on any path with everything that it asks for", () =>
    Effect.gen(function* () {
      const server = yield* start()
      for (const path of ["/e/", "/nope"]) {
        const reply = yield* server.send({
          method: "OPTIONS",
          path,
          headers: {
            origin: "https://a.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-foo"
          }
        })
        assert.deepStrictEqual([reply.status, reply.text], [200, ""])
        assert.strictEqual(reply.headers["access-control-allow-origin"], "https://a.example")
        assert.strictEqual(reply.headers["access-control-allow-headers"], "content-type,x-foo")
        assert.strictEqual(reply.headers["access-control-allow-methods"], "GET,POST,OPTIONS")
        assert.strictEqual(reply.headers["access-control-allow-credentials"], "true")
        assert.include(reply.headers.vary ?? "", "origin")
      }
    })
  )

  it.live("13, 14: answers and refusals alike echo the origin and allow credentials", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const headers = { origin: "https://a.example" }
      for (const [path, body, status] of [
        ["/e/", A, 200],
        ["/e/", "not json", 400],
        ["/nope", A, 404]
      ] as const) {
        const reply = yield* server.send({ path, body, headers })
        assert.strictEqual(reply.status, status)
        assert.strictEqual(reply.headers["access-control-allow-origin"], "https://a.example")
        assert.strictEqual(reply.headers["access-control-allow-credentials"], "true")
        assert.include(reply.headers.vary ?? "", "origin")
      }
      assert.strictEqual(server.captured().length, 1)
    })
  )

  it.live("15 to 17: beacon=1 is answered without content, any other value is ignored", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const beacon = yield* server.send({ path: "/e/?beacon=1", body: A })
      assert.deepStrictEqual([beacon.status, beacon.text], [204, ""])
      for (const value of ["0", "yes", "11", ""]) {
        const reply = yield* server.send({ path: `/e/?beacon=${value}`, body: A })
        assert.deepStrictEqual([reply.status, reply.text], [200, '{"status":"Ok"}'], value)
      }
      assert.strictEqual(server.captured().length, 5)
    })
  )

  it.live("18: other query parameters mean nothing", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const reply = yield* server.send({ path: "/e/?ip=1&ver=1.2.3&lib=web&v=3&compression=zip&%", body: A })
      assert.strictEqual(reply.status, 200)
      assert.strictEqual(server.captured()[0]?.value["ip"], "127.0.0.1")
    })
  )

  it.live("19: the root and the status routes answer", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const root = yield* server.send({ method: "GET", path: "/" })
      assert.deepStrictEqual([root.status, root.text], [200, "capture"])
      assert.strictEqual((yield* server.send({ method: "GET", path: "/_readiness" })).status, 200)
      assert.strictEqual((yield* server.send({ method: "GET", path: "/_liveness/" })).status, 200)
      assert.strictEqual((yield* server.send({ method: "POST", path: "/_liveness" })).status, 405)
    })
  )

  it.live("readiness says which engine is away, and liveness does not care", () =>
    Effect.gen(function* () {
      const server = yield* start()
      yield* server.health.down("the log", "connection refused")
      const reply = yield* server.send({ method: "GET", path: "/_readiness" })
      assert.strictEqual(reply.status, 503)
      assert.match(reply.text, /"engine":"the log","reason":"connection refused","since":"\d{4}-/)
      assert.strictEqual((yield* server.send({ method: "GET", path: "/_liveness" })).status, 200)
      yield* server.health.up("the log")
      assert.strictEqual((yield* server.send({ method: "GET", path: "/_readiness" })).status, 200)
    })
  )

  it.live("21: metrics are served beside the events only where that is asked for", () =>
    Effect.gen(function* () {
      const alone = yield* start({ server: { servesMetrics: true } })
      yield* alone.send({ path: "/e", body: A })
      const metrics = yield* alone.send({ method: "GET", path: "/metrics" })
      assert.strictEqual(metrics.status, 200)
      assert.match(metrics.headers["content-type"] ?? "", /^text\/plain/)
      assert.match(metrics.text, /^capture_events_ingested_total [1-9]/m)
      const other = yield* start()
      assert.strictEqual((yield* other.send({ method: "GET", path: "/metrics" })).status, 404)
    })
  )

  it.live("a fallback serves the root and all paths that are not capture's", () =>
    Effect.gen(function* () {
      const server = yield* start({
        server: { fallback: (request, response) => response.end(`console ${request.method} ${request.url}`) }
      })
      assert.strictEqual((yield* server.send({ method: "GET", path: "/" })).text, "console GET /")
      assert.strictEqual((yield* server.send({ method: "OPTIONS", path: "/api/x" })).text, "console OPTIONS /api/x")
      assert.strictEqual((yield* server.send({ path: "/e", body: A })).text, '{"status":"Ok"}')
    })
  )
})
