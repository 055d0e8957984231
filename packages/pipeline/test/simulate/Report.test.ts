/** A failing seed is told with the shortest history found, and can be replayed from what is told. */
import { assert, it } from "@effect/vitest"
import * as Plan from "@tributary/pipeline/simulate/Plan"
import * as Report from "@tributary/pipeline/simulate/Report"
import * as Shrink from "@tributary/pipeline/simulate/Shrink"
import * as Simulate from "@tributary/pipeline/simulate/Simulate"

const options: Simulate.Options = { flaws: ["no fence"] }

/** The first seed of which not everything is needed. */
const failing = (): Simulate.Result => {
  for (let seed = 1; ; seed++) {
    const result = Simulate.run(seed, options)
    if (result.violations.length > 0 && result.plan.faults.length > 2) return result
  }
}

it("a failure is made shorter, stays the failure that it was, and its report names the command that replays it", () => {
  const { plan, violations } = failing()
  const short = Shrink.shrink(plan, options)
  assert.isBelow(short.faults.length, plan.faults.length)
  assert.isBelow(short.actions.length, plan.actions.length)
  const kinds = new Set(violations.map(Shrink.kindOf))
  assert.isTrue(Simulate.play(short, options).violations.some((one) => kinds.has(Shrink.kindOf(one))))

  const report = Report.of(Simulate.play(plan, options), options)
  const command = report.split("\n").at(-1) ?? ""
  const [, seed, events, faults] = /--from (\d+) --seeds 1 --events (\S+) --faults (\S+)/.exec(command) ?? []
  const listed = (text = "") => new Set(text === "none" ? [] : text.split(",").map(Number))
  const replayed = Plan.only(Plan.draw(Number(seed)), listed(events), listed(faults))
  assert.deepStrictEqual(replayed, short)
  assert.include(command, '--flaw "no fence"')
})

it("a run that keeps every guarantee is not made shorter", () => {
  const plan = Plan.draw(1)
  assert.strictEqual(Shrink.shrink(plan), plan)
})
