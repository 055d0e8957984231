import { assert, describe, it } from "@effect/vitest"
import type { Position } from "@tributary/domain/event/Position"
import * as Inbox from "@tributary/runtime-node/kafka/kafkajs/Inbox"
import type { KafkaMessage } from "kafkajs"

const topic = "events"
const place = (partition: number) => ({ topic, partition })
const at = (partition: number, offset: bigint): Position => ({ topic, partition, offset })

const message = (offset: number, bytes = 1): KafkaMessage => ({
  offset: String(offset),
  key: null,
  value: Buffer.alloc(bytes),
  timestamp: String(1_000 + offset),
  attributes: 0,
  headers: {}
})

class ProtocolError extends Error {
  readonly type: string
  constructor(type: string) {
    super(type)
    this.type = type
  }
}

/** An inbox, what was seen of it, and kafkajs in its place. */
const setUp = () => {
  const gaps: Array<string> = []
  const resets: Array<number> = []
  const inbox = Inbox.make({
    handOverMs: 100,
    onGap: (_, from, to) => gaps.push(`${from} to ${to}`),
    onReset: ({ partition }) => resets.push(partition)
  })
  const resolved: Array<string> = []
  const commits: Array<string> = []
  const failures = { heartbeat: "", commit: "" }
  const fail = (type: string) => (type === "" ? Promise.resolve() : Promise.reject(new ProtocolError(type)))
  const ends: Array<string> = []
  /** A fetch of a partition that holds some offsets. */
  const push = (partition: number, offsets: ReadonlyArray<number>, bytes = 1) => {
    const end = (how: string) => void ends.push(`${partition} ${how}`)
    inbox
      .push({
        batch: { topic, partition, messages: offsets.map((offset) => message(offset, bytes)) },
        resolveOffset: (offset) => void resolved.push(`${partition}:${offset}`),
        heartbeat: () => fail(failures.heartbeat),
        commitOffsetsIfNecessary: async (offsets) => {
          await fail(failures.commit)
          for (const { partitions } of offsets?.topics ?? []) {
            for (const { offset, partition } of partitions) commits.push(`${partition}:${offset}`)
          }
        }
      })
      .then(
        () => end("ended"),
        (error: Error) => end(error.message)
      )
  }
  /** Assigns partitions whose first messages have offset 0. */
  const assign = (partitions: ReadonlyArray<number>, next = 0n) => {
    inbox.joined(partitions.map(place))
    const news = inbox.news()
    if (news?._tag === "Revoked") inbox.tellRevoked()
    const assigned = inbox.news()
    assert.strictEqual(assigned?._tag, "Assigned")
    const starts = partitions.map((partition) => ({ ...place(partition), next }))
    assert.isTrue(inbox.tellAssigned(assigned!.partitions, starts))
  }
  const take = (most = 100, bytes = 1_000) =>
    inbox.take(most, bytes).map(({ offset, partition }) => `${partition}:${offset}`)
  return { inbox, push, assign, take, gaps, resets, resolved, commits, failures, ends }
}

/** Lets promises settle. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("Inbox", () => {
  it("holds a push until the poll after the one that took the last of it", async () => {
    const { assign, ends, inbox, push, resolved, take } = setUp()
    assign([0])
    push(0, [0, 1, 2])
    inbox.settle()
    assert.deepStrictEqual(take(2), ["0:0", "0:1"])
    inbox.settle()
    assert.deepStrictEqual(take(2), ["0:2"])
    await turn()
    assert.deepStrictEqual(ends, [])
    inbox.settle()
    await turn()
    assert.deepStrictEqual([ends, resolved], [["0 ended"], ["0:2"]])
  })

  it("takes nothing before the assignment is told", async () => {
    const { ends, inbox, push } = setUp()
    inbox.joined([place(0)])
    push(0, [3, 4, 5])
    await turn()
    assert.deepStrictEqual(ends, ["0 ended"])
    inbox.tellAssigned(inbox.news()!.partitions, [{ ...place(0), next: 4n }])
    assert.strictEqual(inbox.size().messages, 0)
    push(0, [4, 5])
    assert.strictEqual(inbox.size().messages, 2)
  })

  it("takes nothing below what was read, and tells that the partition has begun again", async () => {
    const { assign, ends, gaps, inbox, push, resets } = setUp()
    assign([0, 1], 6n)
    push(0, [0, 1])
    push(1, [6])
    await turn()
    assert.deepStrictEqual([resets, gaps, ends], [[0], [], ["0 ended"]])
    assert.strictEqual(inbox.size().messages, 1)
  })

  it("tells of a gap once, and goes on behind it", () => {
    const { assign, gaps, push, take } = setUp()
    assign([0])
    push(0, [7, 8])
    assert.deepStrictEqual(gaps, ["0 to 7"])
    assert.deepStrictEqual(take(), ["0:7", "0:8"])
  })

  it("shares a batch between partitions, then fills it, within its bytes", () => {
    const { assign, push, take } = setUp()
    assign([0, 1])
    push(0, [0, 1, 2, 3, 4, 5])
    push(1, [0])
    assert.deepStrictEqual(take(4), ["0:0", "0:1", "1:0", "0:2"])
    push(1, [1, 2, 3], 100)
    assert.deepStrictEqual(take(100, 150), ["1:1", "0:3", "0:4", "0:5"])
    assert.deepStrictEqual(take(100, 50), ["1:2"])
  })

  it("lets go unread what it holds, to be fetched again with what came since", async () => {
    const { assign, ends, inbox, push, resolved, take } = setUp()
    assign([0])
    push(0, [0, 1, 2])
    take(1)
    inbox.refill()
    await turn()
    assert.deepStrictEqual([ends, resolved], [["0 ended"], ["0:0"]])
    push(0, [1, 2, 3])
    assert.deepStrictEqual(take(), ["0:1", "0:2", "0:3"])
  })

  it("commits what was handed out, and never lowers a commit", async () => {
    const { assign, commits, inbox, push, take } = setUp()
    assign([0, 1])
    push(0, [0, 1, 2])
    push(1, [0])
    take()
    assert.strictEqual(await inbox.commit([at(0, 3n), at(1, 1n)]), "committed")
    assert.strictEqual(await inbox.commit([at(0, 2n)]), "committed")
    assert.deepStrictEqual(commits, ["0:3", "1:1"])
  })

  it("tells since when messages wait: from the first that was fetched, then from the last that was committed", async () => {
    const { assign, inbox, push, take } = setUp()
    assign([0])
    const told = () => inbox.progress().map(({ committed, since }) => [committed, since])
    assert.deepStrictEqual(told(), [[0n, undefined]])
    push(0, [0, 1, 2, 3])
    take(2)
    take(2)
    assert.deepStrictEqual(told(), [[0n, 1_000]])
    await inbox.commit([at(0, 2n)])
    assert.deepStrictEqual(told(), [[2n, 1_001]])
    inbox.confirm(at(0, 4n))
    assert.deepStrictEqual(told(), [[4n, 1_003]])
  })

  it("holds up a hand-over until what was handed out is dealt with and the subscription knows", async () => {
    const { assign, commits, ends, failures, inbox, push, take } = setUp()
    assign([0])
    push(0, [0, 1])
    take(1)
    failures.heartbeat = "REBALANCE_IN_PROGRESS"
    await inbox.tick(1_000)
    assert.strictEqual(inbox.size().messages, 0)
    await inbox.commit([at(0, 1n)])
    assert.deepStrictEqual(commits, ["0:1"])
    inbox.settle()
    assert.deepStrictEqual(inbox.news(), { _tag: "Revoked", partitions: [place(0)] })
    inbox.tellRevoked()
    await turn()
    assert.deepStrictEqual(ends, [])
    inbox.settle()
    await turn()
    assert.deepStrictEqual(ends, ["0 REBALANCE_IN_PROGRESS"])
    assert.isUndefined(inbox.news())
  })

  it("holds up a join also when no push is pending, for as long as it may", async () => {
    for (const way of ["settled", "overdue", "closed"] as const) {
      const { assign, commits, inbox, push, take } = setUp()
      assign([0])
      push(0, [0])
      take()
      inbox.settle()
      assert.isFalse(inbox.isHolding())
      let passed = false
      void inbox.barrier(1_000).then(() => {
        passed = true
      })
      assert.strictEqual(inbox.news()?._tag, "Revoked")
      inbox.tellRevoked()
      assert.strictEqual(await inbox.commit([at(0, 1n)]), "committed")
      assert.deepStrictEqual(commits, ["0:1"])
      await turn()
      assert.isFalse(passed)
      if (way === "settled") inbox.settle()
      else if (way === "overdue") await inbox.tick(1_100)
      else inbox.left()
      await turn()
      assert.isTrue(passed)
    }
  })

  it("holds up no join of which the subscription has nothing", async () => {
    const { inbox } = setUp()
    await inbox.barrier(0)
    inbox.joined([place(0)])
    await inbox.barrier(0)
    assert.isUndefined(inbox.news())
  })

  it("ends a hand-over when its time is up, and fences the commit that comes too late", async () => {
    const { assign, commits, ends, failures, inbox, push, take } = setUp()
    assign([0])
    push(0, [0])
    take()
    failures.heartbeat = "REBALANCE_IN_PROGRESS"
    await inbox.tick(1_000)
    await inbox.tick(1_099)
    await turn()
    assert.deepStrictEqual(ends, [])
    await inbox.tick(1_100)
    await turn()
    assert.deepStrictEqual(ends, ["0 REBALANCE_IN_PROGRESS"])
    assert.strictEqual(await inbox.commit([at(0, 1n)]), "fenced")
    assert.deepStrictEqual(commits, [])
    assert.strictEqual(inbox.news()?._tag, "Revoked")
  })

  for (const type of ["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION"]) {
    it(`drops everything when a heartbeat or a commit says ${type}`, async () => {
      for (const way of ["heartbeat", "commit"] as const) {
        const { assign, ends, failures, inbox, push, take } = setUp()
        assign([0, 1])
        push(0, [0])
        push(1, [0])
        take(1)
        failures[way] = type
        if (way === "heartbeat") await inbox.tick(0)
        else assert.strictEqual(await inbox.commit([at(0, 1n)]), "fenced")
        await turn()
        assert.deepStrictEqual(ends.toSorted(), [`0 ${type}`, `1 ${type}`])
        assert.strictEqual(inbox.news()?._tag, "Revoked")
      }
    })
  }

  it("keeps everything when a heartbeat or a commit fails for another reason", async () => {
    const { assign, failures, inbox, push, take } = setUp()
    assign([0])
    push(0, [0])
    take()
    failures.heartbeat = "REQUEST_TIMED_OUT"
    failures.commit = "REQUEST_TIMED_OUT"
    await inbox.tick(0)
    const failed = await inbox.commit([at(0, 1n)]).catch((error: Error) => error.message)
    assert.strictEqual(failed, "REQUEST_TIMED_OUT")
    assert.isUndefined(inbox.news())
    assert.isTrue(inbox.isHolding())
  })

  it("fences commits of an earlier assignment, also of partitions that came back", async () => {
    const { assign, commits, ends, inbox, push, take } = setUp()
    assign([0])
    push(0, [0])
    take()
    inbox.joined([place(0)])
    await turn()
    assert.deepStrictEqual(ends, ["0 ended"])
    assert.strictEqual(await inbox.commit([at(0, 1n)]), "fenced")
    assert.deepStrictEqual(commits, [])
    assert.deepStrictEqual(inbox.news(), { _tag: "Revoked", partitions: [place(0)] })
    inbox.tellRevoked()
    assert.deepStrictEqual(inbox.news(), { _tag: "Assigned", partitions: [place(0)] })
  })

  it("does not begin with an assignment that has been replaced meanwhile", () => {
    const { inbox } = setUp()
    inbox.joined([place(0)])
    const { partitions } = inbox.news()!
    inbox.joined([place(1)])
    assert.isFalse(inbox.tellAssigned(partitions, []))
    assert.deepStrictEqual(inbox.news(), { _tag: "Assigned", partitions: [place(1)] })
  })
})
