/** Whole recordings of SDKs through the real server: events, preflights, and what they ask for besides. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { now, recordings } from "../../../pipeline/test/support/Recordings.ts"
import { json, start } from "./support/server.ts"

describe("recorded SDKs through the server", () => {
  for (const { name, requests, token } of recordings) {
    it.live(`${name} gets the answers that it needs`, () =>
      Effect.gen(function* () {
        const server = yield* start()
        server.clock.now = now
        const [project] = server.projects
        server.projects.push({ ...project!, id: 2, apiToken: token })
        for (const { sent, wanted } of requests) {
          const { headers, kind, method, url } = sent
          const body = sent.body.length === 0 ? undefined : sent.body
          const reply = yield* server.send({ method, path: url, headers, body })
          assert.strictEqual(reply.status, kind === "events" ? wanted.status : 200, reply.text)
          const origin = headers["Origin"] ?? headers["origin"]
          if (origin !== undefined) {
            assert.strictEqual(reply.headers["access-control-allow-origin"], origin)
            assert.strictEqual(reply.headers["access-control-allow-credentials"], "true")
          }
          if (kind === "preflight") {
            const allowed = reply.headers["access-control-allow-headers"] ?? ""
            assert.strictEqual(allowed, (wanted.requestHeaders ?? []).join(","))
          }
          if (kind === "flags") assert.strictEqual(json(reply)["errorsWhileComputingFlags"], false)
          if (kind === "remote-config") assert.include(reply.text, token)
          if (kind === "events" && reply.status === 200) assert.strictEqual(reply.text, '{"status":"Ok"}')
        }
        assert.deepStrictEqual(
          server.captured().map(({ key }) => key),
          requests.flatMap(({ events }) => events).map((event) => `${token}:${event.distinct_id}`)
        )
      })
    )
  }
})
