/** Lag as each client tells it of a real broker. */
import { assert, describe, it } from "@effect/vitest"
import * as Health from "@tributary/pipeline/service/Health"
import { partitionOf } from "@tributary/pipeline/service/Partitioner"
import { Clock, Effect, Layer, Metric, Schedule } from "effect"
import { after, aMessage, records, send, subscribe, unique } from "../../../pipeline/test/contract/LogReader.ts"
import * as Client from "../../src/kafka/Client.ts"
import { settings, withTopics } from "./TestKafka.ts"

/** A key of each of the first two partitions. */
const [first, second] = [0, 1].map((partition) => {
  for (let i = 0; ; i++) if (partitionOf(Buffer.from(`k${i}`), 4) === partition) return `k${i}`
})

const lagOf = (group: string, name: "messages" | "seconds") =>
  Effect.map(Metric.snapshot, (all) => {
    const told: Array<number | undefined> = []
    for (const { attributes, id, state } of all) {
      if (attributes?.["group"] !== group || id !== `kafka_consumer_lag_${name}` || !("value" in state)) continue
      told[Number(attributes["partition"])] = Number(state.value)
    }
    return told
  })

for (const client of ["platformatic", "kafkajs"] as const) {
  const layer = withTopics(Client.layer(settings(client), { gatherMs: 0 }).pipe(Layer.provide(Health.Health.layer)))

  describe(`the lag that ${client} tells`, () => {
    it.live("counts what was handed out and not committed, from the last that was", () =>
      Effect.gen(function* () {
        const topic = unique("lag")
        const group = unique("group")
        const subscription = yield* subscribe(group, [topic])
        const some = (key: string | undefined, count: number) =>
          send(Array.from({ length: count }, () => aMessage(topic, { key: key ?? null })))
        yield* some(first, 4)
        yield* subscription.commit(after(yield* records(subscription, 4)))
        const between = yield* Clock.currentTimeMillis
        yield* some(first, 6)
        yield* some(second, 5)
        yield* records(subscription, 11)
        const messages = yield* lagOf(group, "messages").pipe(
          Effect.repeat({ schedule: Schedule.spaced("100 millis"), until: (told) => told.length === 4 })
        )
        assert.deepStrictEqual(messages, [6, 5, 0, 0])
        const now = yield* Clock.currentTimeMillis
        const [committed = 0, never = 0, none] = yield* lagOf(group, "seconds")
        assert.isAtLeast(committed, never)
        assert.isAtMost(never, (now - between) / 1000)
        assert.isAbove(never, 0)
        assert.strictEqual(none, 0)
      }).pipe(Effect.provide(layer))
    )
  })
}
