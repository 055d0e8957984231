import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { program } from "./in-memory.ts"

it.live("the example of the README takes an event all the way", () =>
  Effect.gen(function* () {
    const { events, people, status } = yield* program
    assert.strictEqual(status, 200)
    assert.deepStrictEqual(
      events.map(({ distinct_id, event, person_mode, team_id }) => ({ distinct_id, event, person_mode, team_id })),
      [{ distinct_id: "alice", event: "signed up", person_mode: "full", team_id: 1 }]
    )
    assert.strictEqual(people.length, 1)
    assert.strictEqual(JSON.parse(people[0]?.json ?? "{}").plan, "pro")
    assert.strictEqual(events[0]?.["person_id"], people[0]?.uuid)
  })
)

it("the README shows the example as it is", () => {
  const example = readFileSync(new URL("in-memory.ts", import.meta.url), "utf8")
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
  assert.include(readme, example.trim())
})
