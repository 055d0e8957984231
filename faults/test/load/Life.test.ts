import { assert, describe, it } from "@effect/vitest"
import * as Chance from "@tributary/pipeline/simulate/machine/Chance"
import * as Joined from "../../src/check/Joined.ts"
import * as Life from "../../src/load/Life.ts"

const lives = (seed: number) => {
  const chance = Chance.make(seed, "lives")
  return Array.from({ length: 200 }, (_, user) => Life.make(user, chance))
}

describe("Life", () => {
  it("is the same for the same seed", () => {
    assert.deepStrictEqual(lives(1), lives(1))
    assert.notDeepEqual(lives(1), lives(2))
  })

  it("gives no two events one uuid", () => {
    const uuids = lives(3).flatMap((life) => life.map(({ uuid }) => uuid))
    assert.strictEqual(new Set(uuids).size, uuids.length)
  })

  it("numbers the turns of each distinct id from 0 without a gap", () => {
    for (const life of lives(4)) {
      const next = new Map<string, number>()
      for (const { distinctId, turn } of life) {
        if (turn === undefined) continue
        assert.strictEqual(turn, next.get(distinctId) ?? 0)
        next.set(distinctId, turn + 1)
      }
    }
  })

  it("changes a group from one distinct id only, whose order is kept", () => {
    const senders = new Map<string, string>()
    for (const { distinctId, group } of lives(5).flat()) {
      if (group === undefined) continue
      const name = `${group.type} ${group.key}`
      assert.strictEqual(senders.get(name) ?? distinctId, distinctId)
      senders.set(name, distinctId)
    }
    assert.isTrue(senders.size > 0)
  })

  it("holds personless visitors, single people and people of several users", () => {
    const all = lives(6).flat()
    const joined = Joined.of(all)
    const users = ({ distinctIds }: Joined.Owner) =>
      new Set(distinctIds.map((distinctId) => distinctId.split("-")[1])).size
    assert.isTrue(all.some(({ isPersonless }) => isPersonless))
    assert.isTrue(joined.some((owner) => users(owner) === 1))
    assert.isTrue(joined.some((owner) => users(owner) > 1))
  })
})
