/** Each client on real brokers in the storms of Storm.ts: members come and go, brokers end and come back. */
import { describe, it } from "@effect/vitest"
import { EmbeddedKafka, EmbeddedKafkaCluster } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Health from "@tributary/pipeline/service/Health"
import * as Client from "@tributary/runtime-node/kafka/Client"
import type { KafkaSettings } from "@tributary/runtime-node/kafka/Settings"
import { Context, Effect, Layer } from "effect"
import { inject } from "vitest"
import * as Folder from "../../../embedded/test/support/Folder.ts"
import * as Storm from "./Storm.ts"
import * as TestKafka from "./TestKafka.ts"

type Settings = Pick<KafkaSettings, "client"> & Partial<KafkaSettings>

const services = ({ client, ...more }: Settings, hosts: ReadonlyArray<string>) =>
  TestKafka.withTopics(
    Client.layer(TestKafka.settings(client, { ...more, hosts }), { gatherMs: 5 }).pipe(
      Layer.provide(Health.Health.layer)
    ),
    hosts
  )

const memberStorm = (name: string, settings: Settings) =>
  it.live(
    `${name} loses and reorders nothing while members come, leave and drop what they have in hand`,
    () =>
      Storm.run(60, ({ done, member }) =>
        Effect.raceFirst(
          done,
          Effect.forever(Effect.andThen(Effect.timeoutOption(member, "3 seconds"), Effect.sleep("1 second")))
        )
      ).pipe(Effect.provide(services(settings, inject("kafkaHosts")))),
    180_000
  )

const brokerStorm = (name: string, settings: Settings) =>
  it.live(
    `${name} loses and reorders nothing while its broker is killed and comes back`,
    () =>
      Effect.gen(function* () {
        const kafka = yield* Layer.build(EmbeddedKafka.layer({ dataDir: yield* Folder.make }))
        const broker = Context.get(kafka, EmbeddedKafka)
        yield* Storm.run(60, ({ done }) =>
          Effect.gen(function* () {
            for (const way of ["kill", "stop"] as const) {
              yield* Effect.sleep("2 seconds")
              yield* broker[way]
              yield* Effect.sleep("1 second")
              yield* broker.restart
            }
            yield* done
          })
        ).pipe(Effect.provide(services(settings, broker.hosts)))
      }),
    180_000
  )

const leaderStorm = (name: string, settings: Settings) =>
  it.live(
    `${name} loses and reorders nothing while leaders move between three brokers`,
    () =>
      Effect.gen(function* () {
        const kafka = yield* Layer.build(EmbeddedKafkaCluster.layer({ dataDir: yield* Folder.make }))
        const { brokers, hosts } = Context.get(kafka, EmbeddedKafkaCluster)
        yield* Storm.run(100, ({ done }) =>
          Effect.gen(function* () {
            for (const broker of brokers.slice(0, 2)) {
              yield* Effect.sleep("2 seconds")
              yield* broker.kill
              yield* Effect.sleep("7 seconds")
              yield* broker.restart
            }
            yield* done
          })
        ).pipe(Effect.provide(services(settings, hosts)))
      }),
    300_000
  )

describe("a group over a client of Kafka", () => {
  memberStorm("@platformatic/kafka", { client: "platformatic" })
  memberStorm("kafkajs", { client: "kafkajs" })

  brokerStorm("@platformatic/kafka", { client: "platformatic" })
  brokerStorm("@platformatic/kafka, idempotent,", { client: "platformatic", idempotent: true })
  brokerStorm("kafkajs", { client: "kafkajs" })

  leaderStorm("@platformatic/kafka", { client: "platformatic" })
})
