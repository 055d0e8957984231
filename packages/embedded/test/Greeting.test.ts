import { assert, describe, it } from "@effect/vitest"
import { greeting } from "../src/Greeting.ts"

describe("the greeting", () => {
  it("says where everything is, and how to send a first event and look at it", () => {
    const text = greeting({
      capture: { host: "127.0.0.1", port: 8000 },
      projectToken: "phc_mine",
      places: ["Kafka  127.0.0.1:9092"],
      look: ["curl http://127.0.0.1:8123"]
    })
    assert.deepStrictEqual(text.split("\n"), [
      "Tributary is ready at http://127.0.0.1:8000",
      "Project token: phc_mine",
      "",
      "  Kafka  127.0.0.1:9092",
      "",
      "Send a first event:",
      "  curl http://127.0.0.1:8000/i/v0/e/ -H 'Content-Type: application/json' " +
        `-d '{"api_key":"phc_mine","event":"hello","distinct_id":"me"}'`,
      "and look at it:",
      "  curl http://127.0.0.1:8123",
      "",
      "Ctrl-C drains and stops."
    ])
  })

  it("has an address that can be reached, whatever is listened on", () => {
    for (const [host, url] of [
      ["0.0.0.0", "http://127.0.0.1:1"],
      ["::", "http://127.0.0.1:1"],
      ["::1", "http://[::1]:1"],
      ["tributary.test", "http://tributary.test:1"]
    ] as const) {
      const text = greeting({ capture: { host, port: 1 }, projectToken: "t" })
      assert.match(text, new RegExp(`^Tributary is ready at ${url.replaceAll(/[[\]]/g, "\\$&")}\\n`))
      assert.include(text, `curl ${url}/i/v0/e/`)
    }
  })
})
