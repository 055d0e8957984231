/**
 * An Apache Kafka broker of our own for as long as a scope is open: from Maven's jars, on Java 17, with a KRaft controller
 * inside and no ZooKeeper. It listens on loopback. When it ends unasked it is started again on the same ports. It cannot
 * outlive this process. What it acknowledged survives `kill -9` of either, not the loss of power.
 */
import { join } from "node:path"
import { keepRunning } from "@tributary/runtime-node/process/KeepRunning"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { DataDir } from "../DataDir.ts"
import * as Port from "../process/Port.ts"
import type { StartError } from "../StartError.ts"
import * as Broker from "./Broker.ts"
import * as Jars from "./Jars.ts"
import * as Java from "./Java.ts"
import type * as Properties from "./Properties.ts"

export interface EmbeddedKafkaOptions {
  /** For clients, on 127.0.0.1; undefined or 0 = a free one. The controller's is a free one always. */
  readonly port?: number | undefined
  /** Folder where jars are kept from start to start, for any number of brokers; in the nearest `node_modules` by default. */
  readonly cache?: string | undefined
  /** What cannot run without a broker, for the line that says so: `npm run stack`. */
  readonly neededBy?: string
  /** Further properties of the server. */
  readonly settings?: Properties.Settings
  /** Further doors, beside the plain one. */
  readonly listeners?: ReadonlyArray<Properties.Listener["protocol"]>
  /** Users of a SASL listener with SCRAM, known from the first start on: `SCRAM-SHA-512=[name=…,password=…]`. */
  readonly users?: ReadonlyArray<string>
  readonly heapMegabytes?: number
}

/** A broker, which those who test faults may stop and start. */
export interface EmbeddedBroker {
  /** `127.0.0.1:9092` */
  readonly host: string
  /** Of a further listener. */
  readonly hostOf: (protocol: Properties.Listener["protocol"]) => string | undefined
  /** Of the broker's process, which another one replaces after each end. */
  readonly pid: Effect.Effect<number>
  /** Stops it in order. It stays away until `restart`. */
  readonly stop: Effect.Effect<void>
  /** `kill -9`. It stays away until `restart`. */
  readonly kill: Effect.Effect<void>
  /** Starts it after `stop` or `kill`, and waits until it serves. */
  readonly restart: Effect.Effect<void, StartError>
  /** Never ends, unless the broker cannot be kept running: three starts in a row ended before it was ready. */
  readonly lost: Effect.Effect<never, StartError>
}

export class EmbeddedKafka extends Context.Service<
  EmbeddedKafka,
  EmbeddedBroker & {
    /** What `KAFKA_HOSTS` names. */
    readonly hosts: ReadonlyArray<string>
  }
>()("@tributary/embedded/EmbeddedKafka") {
  /** Takes the folder for itself. */
  static readonly layer = (options: EmbeddedKafkaOptions & { readonly dataDir: string }) =>
    Layer.provide(EmbeddedKafka.layerIn(options), DataDir.layer({ path: options.dataDir }))

  /** Lives in a folder that is held already, beside other engines. */
  static readonly layerIn = (options: EmbeddedKafkaOptions): Layer.Layer<EmbeddedKafka, StartError, DataDir> =>
    Layer.effect(
      EmbeddedKafka,
      Effect.map(brokers(options, 1), ([broker]) => ({ ...broker, hosts: [broker.host] }))
    )
}

/** Three brokers that replicate each other, two of which must hold what is acknowledged: for tests of faults. */
export class EmbeddedKafkaCluster extends Context.Service<
  EmbeddedKafkaCluster,
  {
    readonly hosts: ReadonlyArray<string>
    readonly brokers: ReadonlyArray<EmbeddedBroker>
  }
>()("@tributary/embedded/EmbeddedKafkaCluster") {
  /** Takes the folder for itself. */
  static readonly layer = (options: Omit<EmbeddedKafkaOptions, "port"> & { readonly dataDir: string }) =>
    Layer.provide(EmbeddedKafkaCluster.layerIn(options), DataDir.layer({ path: options.dataDir }))

  /** Lives in a folder that is held already. */
  static readonly layerIn = (
    options: Omit<EmbeddedKafkaOptions, "port">
  ): Layer.Layer<EmbeddedKafkaCluster, StartError, DataDir> =>
    Layer.effect(
      EmbeddedKafkaCluster,
      Effect.map(brokers({ heapMegabytes: 384, ...options }, clusterSize), (all) => ({
        hosts: all.map(({ host }) => host),
        brokers: all
      }))
    )
}

const clusterSize = 3

/** Where in DATA_DIR the brokers of a cluster keep what they hold, in the order of `brokers`. */
export const clusterFolders = (dataDir: string): ReadonlyArray<string> =>
  Array.from({ length: clusterSize }, (_, index) => folderOf(dataDir, clusterSize, index + 1))

const folderOf = (dataDir: string, count: number, id: number): string =>
  join(dataDir, count === 1 ? "kafka" : `kafka-${id}`)

type NonEmpty<A> = readonly [A, ...ReadonlyArray<A>]

/** Starts `count` brokers of one cluster at the same time: none is ready before most are there. */
const brokers = (
  options: EmbeddedKafkaOptions,
  count: number
): Effect.Effect<NonEmpty<EmbeddedBroker>, StartError, DataDir | Scope.Scope> =>
  Effect.gen(function* () {
    const { path: dataDir } = yield* DataDir
    const neededBy = options.neededBy ?? "A broker of our own"
    const java = yield* Java.locate(neededBy)
    const wanted = options.port ?? 0
    // A used port shows before anything slow.
    if (wanted !== 0) yield* Port.check(wanted, "KAFKA_PORT")
    const jars = yield* Jars.ensure(options.cache ?? Jars.defaultCache(), neededBy)
    const nodes: Array<Properties.Node> = []
    for (let id = 1; id <= count; id++) {
      const port = wanted === 0 ? yield* Port.take : wanted
      nodes.push({ id, port, controllerPort: yield* Port.take })
    }
    const [first, ...others] = yield* Effect.forEach(nodes, (node) => {
      const folder = folderOf(dataDir, count, node.id)
      const place = { java, jars, folder, log: `${folder}.log`, heapMegabytes: options.heapMegabytes ?? 512 }
      return makeBroker(place, node, nodes, options)
    })
    const all = [first!, ...others] as const
    yield* Effect.forEach(all, ({ ready }) => ready, { concurrency: "unbounded" })
    return all
  })

/** Begins to run a broker. */
const makeBroker = (
  place: Broker.Place,
  node: Properties.Node,
  nodes: ReadonlyArray<Properties.Node>,
  options: EmbeddedKafkaOptions
) =>
  Effect.gen(function* () {
    const listeners = yield* Effect.forEach(options.listeners ?? [], (protocol) =>
      Effect.map(Port.take, (port): Properties.Listener => ({ protocol, port }))
    )
    const settings = options.settings ?? {}
    yield* Broker.prepare(place, { node, nodes, listeners, settings }, options.users ?? [])
    const wanted = yield* Latch.make(true)
    let ready = yield* Deferred.make<Broker.Running>()
    let gone = yield* Deferred.make<void>()
    const run = (serves: Effect.Effect<void>) =>
      Effect.gen(function* () {
        while (true) {
          const how = yield* Effect.scoped(
            Effect.gen(function* () {
              const started = yield* Broker.start(place, node.port)
              gone = yield* Deferred.make<void>()
              yield* serves
              yield* Deferred.succeed(ready, started)
              return yield* started.ended
            })
          )
          // Whoever waits for the end may want it back at once.
          const isUnasked = wanted.isOpen()
          ready = yield* Deferred.make<Broker.Running>()
          yield* Deferred.succeed(gone, undefined)
          if (isUnasked) return how
          yield* wanted.await
        }
      })
    const keeper = yield* Effect.forkScoped(keepRunning("Kafka", run, Broker.endStrays(place.folder)))
    const lost = Fiber.join(keeper)
    const serving = Effect.raceFirst(
      Effect.suspend(() => Deferred.await(ready)),
      lost
    )
    const end = (how: "stop" | "kill") =>
      Effect.gen(function* () {
        if (!(yield* wanted.close)) return
        const running = yield* Effect.orDie(serving)
        yield* running[how]
        yield* Deferred.await(gone)
      })
    return {
      host: `127.0.0.1:${node.port}`,
      hostOf: (protocol: Properties.Listener["protocol"]) =>
        listeners.filter((listener) => listener.protocol === protocol).map(({ port }) => `127.0.0.1:${port}`)[0],
      pid: Effect.orDie(Effect.map(serving, ({ pid }) => pid)),
      stop: end("stop"),
      kill: end("kill"),
      restart: Effect.andThen(wanted.open, Effect.asVoid(serving)),
      lost,
      ready: Effect.asVoid(serving)
    }
  })
