import { assert, describe, it } from "@effect/vitest"
import * as Partitioner from "@tributary/pipeline/service/Partitioner"
import { Arbitrary, Schema } from "effect"

const bytes = (text: string) => new TextEncoder().encode(text)

describe("Partitioner", () => {
  // The values that Apache Kafka's own test (UtilsTest.testMurmur2) expects of its Java client.
  const vectors: ReadonlyArray<readonly [string, number]> = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107]
  ]
  for (const [text, hash] of vectors) {
    it(`murmur2 of ${text} is what Java computes`, () => {
      assert.strictEqual(Partitioner.murmur2(bytes(text)), hash)
    })
  }

  it("a negative hash has its sign bit cleared before it is divided", () => {
    assert.strictEqual(Partitioner.partitionOf(bytes("21"), 6), (-973932308 & 0x7fffffff) % 6)
    assert.strictEqual(Partitioner.partitionOf(bytes("foobar"), 12), (-790332482 & 0x7fffffff) % 12)
  })

  it.prop("every key has a partition, always the same", { key: Arbitrary.schema(Schema.String) }, ({ key }) => {
    const partition = Partitioner.partitionOf(bytes(key), 6)
    assert.isTrue(partition >= 0 && partition < 6)
    assert.strictEqual(Partitioner.partitionOf(bytes(key), 6), partition)
  })
})
