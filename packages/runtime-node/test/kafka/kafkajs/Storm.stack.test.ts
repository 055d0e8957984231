import { describe, it } from "@effect/vitest"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import { Producer } from "@tributary/pipeline/service/Producer"
import * as KafkaJsEventLog from "@tributary/runtime-node/kafka/kafkajs/KafkaJsEventLog"
import * as KafkaJsLaneClient from "@tributary/runtime-node/kafka/kafkajs/KafkaJsLaneClient"
import * as Lanes from "@tributary/runtime-node/kafka/Lanes"
import { Context, Effect, Layer } from "effect"
import { inject } from "vitest"
import * as Folder from "../../../../embedded/test/support/Folder.ts"
import * as Storm from "../Storm.ts"
import * as TestKafka from "../TestKafka.ts"

const layer = (hosts: ReadonlyArray<string>) => {
  const settings = TestKafka.settings("kafkajs", { hosts })
  const producer = Layer.effect(
    Producer,
    Effect.flatMap(KafkaJsLaneClient.make(settings), (client) => Lanes.make(client, { gatherMs: 5 }))
  )
  return TestKafka.withTopics(Layer.merge(KafkaJsEventLog.layer(settings), producer), hosts)
}

describe("a group over kafkajs", () => {
  it.live("loses and reorders nothing while members come, leave and drop what they have in hand", () =>
    Storm.run(60, ({ done, member }) =>
      Effect.gen(function* () {
        yield* Effect.forkScoped(member)
        yield* Effect.forkScoped(member)
        const visits = Effect.forever(
          Effect.andThen(Effect.timeoutOption(member, "3 seconds"), Effect.sleep("1 second"))
        )
        yield* Effect.forkScoped(visits)
        yield* done
      })
    ).pipe(Effect.provide(layer(inject("kafkaHosts"))))
  )

  it.live(
    "loses and reorders nothing while its broker is killed and comes back",
    () =>
      Effect.gen(function* () {
        const services = yield* Layer.build(EmbeddedKafka.layer({ dataDir: yield* Folder.make }))
        const broker = Context.get(services, EmbeddedKafka)
        yield* Storm.run(60, ({ done, member }) =>
          Effect.gen(function* () {
            yield* Effect.forkScoped(member)
            yield* Effect.forkScoped(member)
            for (const way of ["kill", "stop"] as const) {
              yield* Effect.sleep("2 seconds")
              yield* broker[way]
              yield* Effect.sleep("1 second")
              yield* broker.restart
            }
            yield* done
          })
        ).pipe(Effect.provide(layer(broker.hosts)))
      }),
    180_000
  )
})
