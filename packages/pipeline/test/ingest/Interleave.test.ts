import { assert, describe, it } from "@effect/vitest"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import { Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import * as Interleave from "../../src/ingest/Interleave.ts"

/** A partition and a time each; offsets count up within the partition. */
const records = (...said: ReadonlyArray<readonly [partition: number, timestamp: number]>): ReadonlyArray<LogRecord> => {
  const ends = new Map<number, bigint>()
  return said.map(([partition, timestamp]) => {
    const offset = ends.get(partition) ?? 0n
    ends.set(partition, offset + 1n)
    return { topic: "t", partition, offset, timestamp, key: null, value: null, headers: [] }
  })
}

const names = (some: ReadonlyArray<LogRecord>) => some.map(({ offset, partition }) => `${partition}:${offset}`)

const Said = Schema.Tuple([Schema.Literals([0, 1, 2, 3]), Schema.Literals([1, 2, 3, 4, 5, 6])])

describe("the records of a batch", () => {
  it("stand in the order of their times, whatever partition they are from", () => {
    assert.deepStrictEqual(names(Interleave.byTime(records([0, 2], [0, 4], [1, 1], [1, 3], [1, 5]))), [
      "1:0",
      "0:0",
      "1:1",
      "0:1",
      "1:2"
    ])
  })

  it("keep the order in which they came where their times are the same", () => {
    assert.deepStrictEqual(names(Interleave.byTime(records([3, 1], [0, 1], [3, 1], [1, 1]))), [
      "3:0",
      "0:0",
      "3:1",
      "1:0"
    ])
  })

  it("never overtake each other within a partition, although its clock stepped back", () => {
    assert.deepStrictEqual(names(Interleave.byTime(records([0, 9], [0, 1], [1, 5]))), ["1:0", "0:0", "0:1"])
  })

  it.prop(
    "are all there, and each partition's in log order",
    { said: Arbitrary.array(Arbitrary.schema(Said), { maxLength: 40 }) },
    ({ said }) => {
      const before = records(...said)
      const after = Interleave.byTime(before)
      assert.strictEqual(after.length, before.length)
      for (const partition of [0, 1, 2, 3]) {
        const of = (some: ReadonlyArray<LogRecord>) => some.filter((record) => record.partition === partition)
        assert.deepStrictEqual(of(after), of(before))
      }
    }
  )
})
