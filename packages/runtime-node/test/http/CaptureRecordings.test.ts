/** Whole recordings of SDKs through the real server: events, preflights, and what they ask for besides. */
import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { json, start } from "./support/server.ts"

interface Recording {
  readonly requests: ReadonlyArray<{
    readonly kind: "events" | "preflight" | "flags" | "remote-config"
    readonly method: string
    readonly url: string
    readonly headers: Record<string, string>
    readonly bodyBase64?: string
  }>
  readonly expect: {
    readonly token: string
    readonly requests: ReadonlyArray<{
      readonly accept?: "must" | "refuse"
      readonly status?: number
      readonly requestHeaders?: ReadonlyArray<string>
    }>
    readonly events: ReadonlyArray<{ readonly request: number; readonly distinct_id: string }>
  }
}

const folder = new URL("../../../pipeline/test/fixtures/sdk/", import.meta.url)

describe("recorded SDKs through the server", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".json"))) {
    it.live(`${name.replace(".json", "")} gets the answers that it needs`, () =>
      Effect.gen(function* () {
        const { expect, requests }: Recording = JSON.parse(readFileSync(new URL(name, folder), "utf8"))
        const server = yield* start()
        server.clock.now = Date.parse("2026-11-23T00:00:00Z")
        const [project] = server.projects
        server.projects.push({ ...project!, id: 2, apiToken: expect.token })
        for (const [index, { bodyBase64 = "", headers, kind, method, url }] of requests.entries()) {
          const wanted = expect.requests[index]
          const body = bodyBase64 === "" ? undefined : Buffer.from(bodyBase64, "base64")
          const reply = yield* server.send({ method, path: url, headers, body })
          assert.strictEqual(reply.status, kind === "events" ? wanted?.status : 200, reply.text)
          const origin = headers["Origin"] ?? headers["origin"]
          if (origin !== undefined) {
            assert.strictEqual(reply.headers["access-control-allow-origin"], origin)
            assert.strictEqual(reply.headers["access-control-allow-credentials"], "true")
          }
          if (kind === "preflight") {
            assert.strictEqual(
              reply.headers["access-control-allow-headers"] ?? "",
              (wanted?.requestHeaders ?? []).join(",")
            )
          }
          if (kind === "flags") assert.strictEqual(json(reply)["errorsWhileComputingFlags"], false)
          if (kind === "remote-config") assert.include(reply.text, expect.token)
          if (kind === "events" && reply.status === 200) assert.strictEqual(reply.text, '{"status":"Ok"}')
        }
        const refused = new Set(expect.requests.flatMap(({ accept }, index) => (accept === "refuse" ? [index] : [])))
        assert.deepStrictEqual(
          server.captured().map(({ key }) => key),
          expect.events
            .filter(({ request }) => !refused.has(request))
            .map((event) => `${expect.token}:${event.distinct_id}`)
        )
      })
    )
  }
})
