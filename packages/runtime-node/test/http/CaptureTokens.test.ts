/** Spec capture 9.4: tokens. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { A, json, sendOne, start } from "./support/server.ts"

describe("tokens (spec capture 9.4)", () => {
  it.live("66 to 70: missing and malformed tokens are refused", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [unknown, string]> = [
        [undefined, "no_token"],
        ["", "invalid_token"],
        ["   ", "invalid_token"],
        ["a".repeat(65), "invalid_token"],
        ["phc_ü", "invalid_token"],
        ["phc_a\u0000b", "invalid_token"],
        ["phx_abc", "invalid_token"]
      ]
      for (const [token, expected] of cases) {
        const { code, message, status } = yield* sendOne({ api_key: token })
        assert.deepStrictEqual([status, code], [401, expected], String(token))
        assert.isUndefined(message)
      }
    })
  )

  it.live("68, 71, 72: 64 characters, white space around it, and other places for the token are taken", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* sendOne({ api_key: "a".repeat(64) })).status, 200)
      const spaced = yield* sendOne({ api_key: " phc_test\n" })
      assert.strictEqual(spaced.message?.key, "phc_test:u1")
      assert.strictEqual(spaced.message?.header("token"), "phc_test")
      assert.deepStrictEqual([spaced.message?.value["token"], spaced.message?.data["token"]], ["phc_test", "phc_test"])
      for (const fields of [{ $token: "phc_test" }, { properties: { token: "phc_test" } }]) {
        const { message, reply } = yield* sendOne({ api_key: undefined, ...fields })
        assert.strictEqual(reply.text, '{"status":"Ok"}')
        assert.strictEqual(message?.key, "phc_test:u1")
      }
    })
  )

  it.live("73: a token of no project is taken, taken with a warning, or refused, as the setting says", () =>
    Effect.gen(function* () {
      const answers: Array<unknown> = []
      for (const tokenCheck of ["off", "warn", "reject"] as const) {
        const server = yield* start({ capture: { tokenCheck } })
        const reply = yield* server.send({ path: "/e", body: { ...A, api_key: "phc_other" } })
        const beacon = yield* server.send({ path: "/e?beacon=1", body: { ...A, api_key: "phc_other" } })
        const { code, status, warning } = json(reply)
        answers.push([reply.status, status, typeof warning, code, beacon.status, server.captured().length])
      }
      assert.deepStrictEqual(answers, [
        [200, "Ok", "undefined", undefined, 204, 2],
        [200, "Ok", "string", undefined, 204, 2],
        [401, undefined, "undefined", "unknown_token", 401, 0]
      ])
    })
  )

  it.live("178: a token is good as soon as the store knows its project", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const body = { ...A, api_key: "phc_late" }
      assert.isString(json(yield* server.send({ path: "/e", body }))["warning"])
      const [project] = server.projects
      server.projects.push({ ...project!, id: 2, apiToken: "phc_late" })
      assert.strictEqual((yield* server.send({ path: "/e", body })).text, '{"status":"Ok"}')
      assert.deepStrictEqual(
        server.captured().map(({ key }) => key),
        ["phc_late:u1", "phc_late:u1"]
      )
    })
  )
})
