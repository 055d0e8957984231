/** The table of spec capture 4.2, row by row. */
import { assert, describe, it } from "@effect/vitest"
import { decide, type Policy, unrestricted } from "@tributary/pipeline/capture/Route"
import { defaults, type Topics } from "@tributary/pipeline/capture/Settings"
import * as Schema from "effect/Schema"

const topics: Topics = { ...defaults.topics, exceptions: "exc", heatmaps: "heat", clientWarnings: "warn" }
const { deadLetters, historical, main, overflow } = topics

const of = (
  policy: Partial<Policy>,
  event: { readonly event?: string; readonly historicalMigration?: boolean } = {},
  among: Topics = topics
) => {
  const { hasKey, isHistorical, topic } = decide(
    { event: "ev", historicalMigration: false, ...event },
    { ...unrestricted, ...policy },
    among
  )
  return [topic, hasKey, isHistorical]
}

const noPersons = { personProcessing: false }

describe("Route (spec capture 4.2)", () => {
  it("rows 1 and 2: redirects win over everything, with the key", () => {
    const other = { topic: "x", overflow: "spread", ...noPersons } as const
    assert.deepStrictEqual(of({ ...other, deadLetter: true }), [deadLetters, true, false])
    assert.deepStrictEqual(of(other), ["x", true, false])
    assert.deepStrictEqual(of(other, { event: "$exception", historicalMigration: true }), ["x", true, false])
  })

  it("row 3: historical events never overflow and keep their key", () => {
    const event = { historicalMigration: true }
    assert.deepStrictEqual(of({}, event), [historical, true, true])
    assert.deepStrictEqual(of({ overflow: "spread", ...noPersons }, event), [historical, true, true])
  })

  it("rows 4 to 6: overflow keeps the key, unless it shall spread or persons are off", () => {
    assert.deepStrictEqual(of({ overflow: "keep order" }), [overflow, true, false])
    assert.deepStrictEqual(of({ overflow: "keep order", ...noPersons }), [overflow, false, false])
    assert.deepStrictEqual(of({ overflow: "spread" }), [overflow, false, false])
  })

  it("row 7: all else goes to the main lane, without a key when persons are off", () => {
    assert.deepStrictEqual(of({}), [main, true, false])
    assert.deepStrictEqual(of(noPersons), [main, false, false])
  })

  it("row 8: names with a topic of their own go there with their key, unflagged; without one they are like all others", () => {
    for (const [event, topic] of [
      ["$exception", "exc"],
      ["$$heatmap", "heat"],
      ["$$client_ingestion_warning", "warn"]
    ] as const) {
      const policy = { overflow: "spread", ...noPersons } as const
      assert.deepStrictEqual(of(policy, { event, historicalMigration: true }), [topic, true, false])
      assert.deepStrictEqual(of({}, { event }, defaults.topics), [main, true, false])
      assert.deepStrictEqual(of({}, { event, historicalMigration: true }, defaults.topics), [historical, true, true])
    }
  })

  it.prop(
    "no key is given up outside of the main and overflow lanes",
    {
      deadLetter: Schema.Boolean,
      topic: Schema.UndefinedOr(Schema.String),
      overflow: Schema.Literals(["no", "keep order", "spread"]),
      personProcessing: Schema.Boolean,
      event: Schema.Literals(["ev", "$exception", "$$heatmap", "constructor"]),
      historicalMigration: Schema.Boolean
    },
    ({ event, historicalMigration, ...policy }) => {
      const route = decide({ event, historicalMigration }, policy, topics)
      if (!route.hasKey) assert.include([main, overflow], route.topic)
      if (route.isHistorical) assert.isTrue(historicalMigration)
    }
  )
})
