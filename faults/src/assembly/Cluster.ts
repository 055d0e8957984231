/** The production assembly on three brokers, each message on two of them at least before it is acknowledged. */
import { join } from "node:path"
import * as Topics from "@tributary/domain/row/Topics"
import { DataDir } from "@tributary/embedded/DataDir"
import { EmbeddedKafkaCluster } from "@tributary/embedded/kafka/EmbeddedKafka"
import type { Chance } from "@tributary/pipeline/simulate/machine/Chance"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Assembly, AssemblyError, type Definition } from "../Assembly.ts"
import { inSeconds } from "../Recovery.ts"
import * as Kafka from "../stores/Kafka.ts"
import * as StackParts from "./StackParts.ts"

/** `leader`: SIGKILL of the broker that leads a partition of the event log, which is started again after some seconds. */
const kinds = ["leader"] as const

type Kind = (typeof kinds)[number]

/** Brings it up, on disks that `prepare` may lay beneath the brokers. */
export const bringUp = (
  folder: string,
  kind: string,
  prepare: (dataDir: string) => Effect.Effect<void, AssemblyError, Scope.Scope>
) =>
  Effect.gen(function* () {
    const held = yield* Layer.build(DataDir.layer({ path: join(folder, "kafka") }))
    const { path: dataDir } = yield* Effect.provide(DataDir, held)
    yield* prepare(dataDir)
    const servers = yield* Layer.build(
      EmbeddedKafkaCluster.layerIn({ neededBy: `npm run faults -- --kind ${kind}` })
    ).pipe(Effect.provide(held))
    const { brokers, hosts } = yield* Effect.provide(EmbeddedKafkaCluster, servers)
    const parts = yield* StackParts.start(folder, {
      hosts,
      replication: brokers.length,
      lost: brokers.map(({ lost }) => lost)
    })
    /** The place among the brokers of one that leads a partition of the event log. */
    const leader = Effect.fnUntraced(function* (chance: Chance) {
      const host = chance.pick(yield* Kafka.leaders(hosts, Topics.events))
      const index = brokers.findIndex((broker) => broker.host === host)
      const broker = brokers[index]
      if (broker === undefined) return yield* new AssemblyError({ reason: `no broker is at ${host}` })
      return { index, broker }
    })
    return { assembly: parts.assembly, dataDir, leader }
  })

const start = (folder: string) =>
  Effect.gen(function* () {
    const { assembly: parts, leader } = yield* bringUp(folder, "leader", () => Effect.void)
    const assembly: Assembly<Kind> = {
      ...parts,
      inject: {
        leader: (chance) =>
          Effect.gen(function* () {
            const { broker } = yield* leader(chance)
            const awayMs = 1_000 + chance.int(9_000)
            yield* broker.kill
            yield* Effect.sleep(awayMs)
            yield* Effect.mapError(broker.restart, StackParts.assemblyError)
            return `SIGKILL to the broker at ${broker.host}, started again after ${inSeconds(awayMs)}`
          })
      }
    }
    return assembly
  }).pipe(Effect.mapError(StackParts.assemblyError))

export const definition: Definition<Kind> = { kinds, start }
