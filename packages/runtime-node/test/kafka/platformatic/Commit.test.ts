import { assert, describe, it } from "@effect/vitest"
import { Consumer } from "@platformatic/kafka"
import { Effect } from "effect"
import * as Commit from "../../../src/kafka/platformatic/Commit.ts"

type Bytes = Buffer | undefined

/** Its brokers are away. */
const away = Effect.acquireRelease(
  Effect.sync(
    () =>
      new Consumer<Bytes, Bytes, Buffer, Buffer | null | undefined>({
        clientId: "test",
        groupId: "group",
        bootstrapBrokers: ["127.0.0.1:1"],
        retries: 0
      })
  ),
  (consumer) => Effect.promise(() => consumer.close(true))
)

const positions = [{ topic: "topic", partition: 0, offset: 1n }]

describe("Commit", () => {
  it.live("asks the brokers only while the lease is the member's", () =>
    Effect.gen(function* () {
      const consumer = yield* away
      let asked = 0
      consumer.on("client:broker:failed", () => void asked++)
      const lease = { consumer, memberId: "member", generation: 1, partitions: [], giveUp: () => {} }
      const commit = (isCurrent: () => boolean) => Commit.commit(lease, "group", positions, isCurrent)
      assert.strictEqual(yield* commit(() => false), "Fenced")
      assert.strictEqual(asked, 0)
      // It ends as soon as the lease is another's.
      assert.strictEqual(yield* commit(() => asked === 0), "Fenced")
      assert.isAbove(asked, 0)
    })
  )
})
