/** The production assembly on three brokers, each message on two of them at least before it is acknowledged. */
import { join } from "node:path"
import * as Topics from "@tributary/domain/row/Topics"
import { EmbeddedKafkaCluster } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Assembly, Definition } from "../Assembly.ts"
import { inSeconds } from "../Recovery.ts"
import * as Kafka from "../stores/Kafka.ts"
import * as StackParts from "./StackParts.ts"

/** `leader`: SIGKILL of the broker that leads a partition of the event log, which is started again after some seconds. */
const kinds = ["leader"] as const

type Kind = (typeof kinds)[number]

const start = (folder: string) =>
  Effect.gen(function* () {
    const servers = yield* Layer.build(
      EmbeddedKafkaCluster.layer({ dataDir: join(folder, "kafka"), neededBy: "npm run faults -- --kind leader" })
    )
    const { brokers, hosts } = yield* Effect.provide(EmbeddedKafkaCluster, servers)
    const parts = yield* StackParts.start(folder, {
      hosts,
      replication: brokers.length,
      lost: brokers.map(({ lost }) => lost)
    })
    const assembly: Assembly<Kind> = {
      ...parts.assembly,
      inject: {
        leader: (chance) =>
          Effect.gen(function* () {
            const host = chance.pick(yield* Kafka.leaders(hosts, Topics.events))
            const victim = brokers.find((broker) => broker.host === host)
            if (victim === undefined) return `nobody is at ${host}`
            const awayMs = 1_000 + chance.int(9_000)
            yield* victim.kill
            yield* Effect.sleep(awayMs)
            yield* Effect.mapError(victim.restart, StackParts.assemblyError)
            return `SIGKILL to the broker at ${host}, started again after ${inSeconds(awayMs)}`
          })
      }
    }
    return assembly
  }).pipe(Effect.mapError(StackParts.assemblyError))

export const definition: Definition<Kind> = { kinds, start }
