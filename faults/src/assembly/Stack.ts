/** The production assembly on one machine: a real Kafka, PostgreSQL, the `engine` program, capture and two workers. */
import { join } from "node:path"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Port from "@tributary/embedded/process/Port"
import * as Processes from "@tributary/embedded/process/Processes"
import type { Chance } from "@tributary/pipeline/simulate/machine/Chance"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Assembly, Definition } from "../Assembly.ts"
import { inSeconds } from "../Recovery.ts"
import * as Network from "./Network.ts"
import * as PostgresProcesses from "./PostgresProcesses.ts"
import * as StackParts from "./StackParts.ts"

/**
 * `capture`, `worker`, `engine`, `broker`, `stack-postgres`: SIGKILL of one of these, which is started again. `pause`: SIGSTOP of
 * a worker until the group has moved on, then SIGCONT. `clickhouse-away`: SIGSTOP of the engine for some seconds or a minute, then
 * SIGCONT. `network`: what goes to Kafka or to PostgreSQL is late, held back, or cut for some seconds.
 */
const kinds = [
  "capture",
  "worker",
  "engine",
  "broker",
  "stack-postgres",
  "pause",
  "clickhouse-away",
  "network"
] as const

type Kind = (typeof kinds)[number]

/** Longer than the session of a worker in its group, which is 30 s. */
const pauseMs = 40_000

const weatherOf = (chance: Chance): Network.Weather =>
  chance.pick<Network.Weather>([{ _tag: "slow", ms: 20 + chance.int(200) }, { _tag: "silent" }, { _tag: "cut" }])

const start = (folder: string) =>
  Effect.gen(function* () {
    const port = yield* Port.take
    const proxyPort = yield* Port.take
    const kafkaNetwork = yield* Network.listen(proxyPort, port)
    const servers = yield* Layer.build(
      EmbeddedKafka.layer({
        dataDir: join(folder, "kafka"),
        port,
        neededBy: "npm run faults with a kind of the stack",
        settings: { "advertised.listeners": `PLAINTEXT://127.0.0.1:${proxyPort}` }
      })
    )
    const kafka = yield* Effect.provide(EmbeddedKafka, servers)
    const parts = yield* StackParts.start(folder, {
      hosts: [`127.0.0.1:${proxyPort}`],
      replication: 1,
      lost: [kafka.lost]
    })
    const { capture, engine, network, postgresFolder, workers } = parts

    const assembly: Assembly<Kind> = {
      ...parts.assembly,
      inject: {
        capture: () => Effect.as(Effect.andThen(capture.kill, capture.start), "SIGKILL, started again"),
        worker: (chance) => {
          const victim = chance.pick(workers)
          return Effect.as(Effect.andThen(victim.kill, victim.start), "SIGKILL, started again")
        },
        engine: () =>
          Effect.map(engine.pid, (pid) => {
            Processes.kill(pid, "SIGKILL")
            return `SIGKILL to process ${pid}`
          }),
        broker: (chance) => {
          const awayMs = chance.int(3_000)
          return kafka.kill.pipe(
            Effect.andThen(Effect.sleep(awayMs)),
            Effect.andThen(kafka.restart),
            Effect.mapError(StackParts.assemblyError),
            Effect.as(`SIGKILL, started again after ${inSeconds(awayMs)}`)
          )
        },
        "stack-postgres": () => PostgresProcesses.kill(postgresFolder, ({ postmaster }) => postmaster),
        pause: (chance) => Effect.as(chance.pick(workers).pause(pauseMs), `SIGSTOP for ${inSeconds(pauseMs)}`),
        "clickhouse-away": (chance) => {
          const awayMs = chance.happens(0.25) ? 60_000 : 2_000 + chance.int(8_000)
          return Effect.as(
            Effect.acquireUseRelease(
              Effect.tap(engine.pid, (pid) => Effect.sync(() => Processes.kill(pid, "SIGSTOP"))),
              () => Effect.sleep(awayMs),
              (pid) => Effect.sync(() => Processes.kill(pid, "SIGCONT"))
            ),
            `SIGSTOP for ${inSeconds(awayMs)}`
          )
        },
        network: (chance) => {
          const [name, victim] = chance.pick([["Kafka", kafkaNetwork] as const, ["PostgreSQL", network] as const])
          const weather = weatherOf(chance)
          const ms = 500 + chance.int(7_500)
          return Effect.as(victim.suffer(weather, ms), `to ${name}: ${weather._tag} for ${inSeconds(ms)}`)
        }
      }
    }
    return assembly
  }).pipe(Effect.mapError(StackParts.assemblyError))

export const definition: Definition<Kind> = { kinds, start }
