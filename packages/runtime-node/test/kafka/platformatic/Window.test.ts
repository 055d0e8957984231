import { assert, describe, it } from "@effect/vitest"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as Window from "../../../src/kafka/platformatic/Window.ts"

const topic = "events_plugin_ingestion"

const aRecord = (partition: number, offset: bigint, size = 10): LogRecord => ({
  topic,
  partition,
  offset,
  key: null,
  value: new Uint8Array(size),
  headers: [],
  timestamp: 1_000 + Number(offset)
})

const reading = (...nexts: ReadonlyArray<bigint>) => {
  const gaps: Array<readonly [partition: number, from: bigint, to: bigint]> = []
  const window = Window.make(({ partition }, from, to) => gaps.push([partition, from, to]))
  window.start(nexts.map((next, partition) => ({ topic, partition, next })))
  return { window, gaps }
}

const places = (records: ReadonlyArray<LogRecord>) => records.map(({ offset, partition }) => `${partition}:${offset}`)

const fill = (window: Window.Window, partition: number, from: bigint, to: bigint, size?: number) => {
  for (let offset = from; offset < to; offset++) window.add(aRecord(partition, offset, size))
}

describe("the window of an assignment", () => {
  it("hands out what was added, each record once", () => {
    const { gaps, window } = reading(5n)
    fill(window, 0, 0n, 8n)
    fill(window, 0, 6n, 10n)
    assert.deepStrictEqual(places(window.take(100, 1_000)), ["0:5", "0:6", "0:7", "0:8", "0:9"])
    assert.deepStrictEqual([window.messages(), window.bytes(), gaps.length], [0, 0, 0])
  })

  it("drops what belongs to no partition of its own, and everything when another assignment begins", () => {
    const { window } = reading(0n)
    window.add(aRecord(7, 0n))
    assert.strictEqual(window.messages(), 0)
    window.add(aRecord(0, 0n))
    window.start([{ topic, partition: 1, next: 3n }])
    assert.deepStrictEqual([window.messages(), window.bytes()], [0, 0])
    window.add(aRecord(0, 1n))
    window.add(aRecord(1, 3n))
    assert.deepStrictEqual(places(window.take(100, 1_000)), ["1:3"])
  })

  it("tells of records that are missing, and goes on behind them", () => {
    const { gaps, window } = reading(5n)
    fill(window, 0, 12n, 14n)
    assert.deepStrictEqual(gaps, [[0, 5n, 12n]])
    assert.deepStrictEqual(places(window.take(100, 1_000)), ["0:12", "0:13"])
  })

  it("shares a batch between the partitions, and gives what is left to who has more", () => {
    const { window } = reading(0n, 0n, 0n)
    fill(window, 0, 0n, 50n)
    fill(window, 1, 0n, 1n)
    fill(window, 2, 0n, 50n)
    const counts = [0, 1, 2].map(
      (partition) => (records: ReadonlyArray<LogRecord>) =>
        records.filter((record) => record.partition === partition).length
    )
    const batch = window.take(12, 1_000)
    assert.deepStrictEqual(
      counts.map((count) => count(batch)),
      [7, 1, 4]
    )
    assert.strictEqual(window.messages(), 89)
  })

  it("ends a batch at its bytes, but never before one record, and begins the next with another partition", () => {
    const { window } = reading(0n, 0n)
    fill(window, 0, 0n, 3n, 600)
    fill(window, 1, 0n, 3n, 600)
    const batches = Array.from({ length: 6 }, () => places(window.take(100, 1_000)))
    assert.deepStrictEqual(batches.flat().sort(), ["0:0", "0:1", "0:2", "1:0", "1:1", "1:2"])
    assert.deepStrictEqual(batches.slice(0, 2), [["0:0"], ["1:0"]])
  })

  it("commits forwards only, and only what was handed out", () => {
    const { window } = reading(5n)
    fill(window, 0, 5n, 10n)
    const at = (offset: bigint) => [{ topic, partition: 0, offset }]
    assert.deepStrictEqual(window.committable(at(6n)), [])
    window.take(3, 1_000)
    assert.deepStrictEqual(window.committable(at(5n)), [])
    assert.deepStrictEqual(window.committable(at(8n)), at(8n))
    window.committed(at(8n))
    assert.deepStrictEqual(window.committable(at(7n)), [])
    assert.deepStrictEqual(window.progress(), [{ topic, partition: 0, next: 10n, committed: 8n, since: 1_007 }])
  })

  it("tells since when messages wait: from the first that was fetched, then from the last that was committed", () => {
    const { window } = reading(5n)
    const since = () => window.progress()[0]?.since
    const commit = (offset: bigint) => window.committed([{ topic, partition: 0, offset }])
    assert.strictEqual(since(), undefined)
    fill(window, 0, 5n, 20n)
    assert.strictEqual(since(), 1_005)
    window.take(3, 1_000)
    window.take(3, 1_000)
    assert.strictEqual(since(), 1_005)
    commit(8n)
    assert.strictEqual(since(), 1_007)
    commit(10n)
    assert.strictEqual(since(), 1_007)
    commit(11n)
    assert.strictEqual(since(), 1_010)
  })
})
