/** The simulator on a pipeline of one's own: other stages, other fates. */
import { assert, it } from "@effect/vitest"
import * as Outcome from "@tributary/domain/event/Outcome"
import * as Simulate from "@tributary/pipeline/simulate/Simulate"
import { Effect } from "effect"

/** A transformation that drops what alice does. */
const withoutAlice: NonNullable<Simulate.Options["stages"]> = (stages) => ({
  ...stages,
  transform: (batch, notes) =>
    Effect.map(stages.transform(batch, notes), (outcomes) =>
      outcomes.map((outcome) =>
        outcome._tag === "Continue" && outcome.value.distinctId === "alice" ? Outcome.drop("not_alice") : outcome
      )
    )
})

it("stages of one's own keep the guarantees, with the fates that they decide", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { violations } = Simulate.run(seed, {
      stages: withoutAlice,
      fate: ({ kind, who }, usual) => (who === "alice" && kind !== "garbage" ? "dropped" : usual)
    })
    assert.deepStrictEqual([seed, ...violations], [seed])
  }
})

it("a stage that forgets an event now and then is found out", () => {
  const forgetful = (): NonNullable<Simulate.Options["stages"]> => {
    let n = 0
    return (stages) => ({
      ...stages,
      transform: (batch, notes) =>
        Effect.map(stages.transform(batch, notes), (outcomes) =>
          outcomes.map((outcome) => (++n % 20 === 0 ? Outcome.drop("forgotten") : outcome))
        )
    })
  }
  const failing = Array.from({ length: 20 }, (_, seed) => Simulate.run(seed + 1, { stages: forgetful() })).filter(
    ({ violations }) => violations.length > 0
  )
  assert.isAbove(failing.length, 3)
})
