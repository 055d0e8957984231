import { describe, it } from "@effect/vitest"
import { EmbeddedKafka, EmbeddedKafkaCluster } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Health from "@tributary/pipeline/service/Health"
import { Context, Effect, Layer } from "effect"
import { inject } from "vitest"
import * as Folder from "../../../../embedded/test/support/Folder.ts"
import * as Client from "../../../src/kafka/Client.ts"
import * as Storm from "../Storm.ts"
import * as TestKafka from "../TestKafka.ts"

const layer = (hosts: ReadonlyArray<string>, idempotent = false) =>
  TestKafka.withTopics(
    Client.layer(TestKafka.settings("platformatic", { hosts, idempotent }), { gatherMs: 5 }).pipe(
      Layer.provide(Health.Health.layer)
    ),
    hosts
  )

describe("a group over @platformatic/kafka", () => {
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

  for (const idempotent of [false, true]) {
    it.live(
      `loses and reorders nothing while its broker is killed and comes back${idempotent ? ", idempotent" : ""}`,
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
          ).pipe(Effect.provide(layer(broker.hosts, idempotent)))
        }),
      180_000
    )
  }

  it.live(
    "loses and reorders nothing while leaders move between three brokers",
    () =>
      Effect.gen(function* () {
        const services = yield* Layer.build(EmbeddedKafkaCluster.layer({ dataDir: yield* Folder.make }))
        const { brokers, hosts } = Context.get(services, EmbeddedKafkaCluster)
        yield* Storm.run(100, ({ done, member }) =>
          Effect.gen(function* () {
            yield* Effect.forkScoped(member)
            yield* Effect.forkScoped(member)
            for (const broker of brokers.slice(0, 2)) {
              yield* Effect.sleep("2 seconds")
              yield* broker.kill
              yield* Effect.sleep("7 seconds")
              yield* broker.restart
            }
            yield* done
          })
        ).pipe(Effect.provide(layer(hosts)))
      }),
    300_000
  )
})
