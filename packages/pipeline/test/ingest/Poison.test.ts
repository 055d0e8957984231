/** JSON that no stack is deep enough for, wherever it stands: one dead letter, or one event, and never a partition that stands still. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as World from "../support/IngestWorld.ts"
import { E, message } from "../support/Message.ts"

const deep = `${"[".repeat(100_000)}1${"]".repeat(100_000)}`

/** An event of that name, whose properties are given as JSON text. */
const raw = (event: string, properties: string) =>
  message(event, "bad", {}, { envelope: { data: `{"event":${JSON.stringify(event)},"properties":${properties}}` } })

const failure = "dead_letter Processing error - non-retriable 1"

for (const [where, event, properties, outcome] of [
  ["a property", "custom", `{"a":${deep}}`, failure],
  ["$set", "custom", `{"$set":{"a":${deep}}}`, failure],
  ["$anon_distinct_id", "$identify", `{"$anon_distinct_id":${deep}}`, failure],
  ["alias", "$create_alias", `{"alias":${deep}}`, failure],
  ["$group_type", "$groupidentify", `{"$group_type":${deep},"$group_key":"k"}`, failure],
  ["$group_key", "$groupidentify", `{"$group_type":"org","$group_key":${deep}}`, failure],
  ["$group_set", "$groupidentify", `{"$group_type":"org","$group_key":"k","$group_set":{"a":${deep}}}`, failure],
  ["$groups", "custom", `{"$groups":{"org":${deep}}}`, failure],
  ["$elements", "custom", `{"$elements":${deep}}`, "stored 1"],
  ["$session_id", "custom", `{"$session_id":${deep}}`, failure],
  ["a client's warning", "$$client_ingestion_warning", `{"$$client_ingestion_warning_message":${deep}}`, "dropped"],
  ["$heatmap_data", "$$heatmap", `{"$heatmap_data":{"u":${deep}},"$viewport_width":1,"$viewport_height":1}`, "dropped"],
  ["a wish", "custom", `{"$process_person_profile":${deep}}`, "stored 1"],
  ["a text with U+0000", "custom", `{"a":${deep.replace("1", '"\\u0000"')}}`, failure]
] as const) {
  describe(`nesting without end in ${where}`, () => {
    it.effect("stops nobody else's event", () =>
      Effect.gen(function* () {
        const world = yield* World.make({ projects: [World.aProject({ heatmapsOptIn: true })] })
        const ran = yield* world.run(E("a"), raw(event, properties), E("b"))
        assert.deepStrictEqual(
          ran.events.map(({ distinctId }) => distinctId).filter((id) => id !== "bad"),
          ["a", "b"]
        )
        const own = ran.outcomes.filter((line) => line !== "stored 2")
        if (outcome === failure) {
          assert.deepStrictEqual(own, [failure])
          assert.deepStrictEqual(
            ran.letters.map(({ team }) => team),
            ["1"]
          )
        } else if (outcome === "dropped") {
          assert.deepStrictEqual([ran.letters.length, own.length], [0, 1])
          assert.isTrue(own[0]?.startsWith("dropped"))
        } else assert.deepStrictEqual(ran.outcomes, ["stored 3"])
      })
    )
  })
}
