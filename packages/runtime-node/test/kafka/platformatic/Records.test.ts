import { assert, describe, it } from "@effect/vitest"
import { createRecordsBatch, Reader, readRecordsBatch } from "@platformatic/kafka"
import * as Records from "../../../src/kafka/platformatic/Records.ts"

const bytes = (text: string) => Buffer.from(text)

/** As brokers hand it out: with its place in the log. */
const stored = (firstOffset: bigint) => {
  const headers = new Map([
    [bytes("a"), bytes("1")],
    [bytes("b"), Buffer.from([0xff])]
  ])
  const written = createRecordsBatch([
    { topic: "topic", key: bytes("key"), value: bytes("0"), headers, timestamp: 1_000n },
    { topic: "topic", value: bytes("1"), timestamp: 1_002n },
    { topic: "topic", value: bytes("2"), timestamp: 1_001n }
  ])
  return { ...readRecordsBatch(Reader.from(written.buffer)), firstOffset }
}

describe("Records", () => {
  it("gives what was asked for of the batches that brokers send, which begin earlier", () => {
    const part = { topic: "topic", partition: 3, batch: stored(10n) }
    const [first, ...others] = Records.ofParts([{ ...part, from: 10n }])
    assert.deepStrictEqual(first, {
      topic: "topic",
      partition: 3,
      offset: 10n,
      key: bytes("key"),
      value: bytes("0"),
      headers: [
        ["a", "1"],
        ["b", new Uint8Array([0xff])]
      ],
      timestamp: 1_000
    })
    assert.deepStrictEqual(
      others.map(({ key, offset, timestamp }) => [offset, key, timestamp]),
      [
        [11n, null, 1_002],
        [12n, null, 1_001]
      ]
    )
    const later = [
      ...Records.ofParts([
        { ...part, from: 12n },
        { ...part, batch: stored(13n), from: 12n }
      ])
    ]
    assert.deepStrictEqual(
      later.map(({ offset }) => offset),
      [12n, 13n, 14n, 15n]
    )
  })

  it("has the time of arrival where the topic keeps that", () => {
    const arrived = { ...stored(0n), attributes: 8, maxTimestamp: 5_000n }
    const times = [...Records.ofParts([{ topic: "topic", partition: 0, batch: arrived, from: 0n }])]
    assert.deepStrictEqual(
      times.map(({ timestamp }) => timestamp),
      [5_000, 5_000, 5_000]
    )
  })
})
