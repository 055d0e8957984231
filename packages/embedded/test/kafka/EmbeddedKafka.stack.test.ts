import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Admin, Consumer, Producer } from "@platformatic/kafka"
import * as ApiVersions from "@tributary/embedded/kafka/ApiVersions"
import { EmbeddedKafka, EmbeddedKafkaCluster, type EmbeddedKafkaOptions } from "@tributary/embedded/kafka/EmbeddedKafka"
import { Context, Effect, Layer, Logger } from "effect"
import * as Folder from "../support/Folder.ts"
import * as Program from "../support/Program.ts"
import { processesBelow } from "../support/Session.ts"

const start = (dataDir: string) => Effect.map(Layer.build(EmbeddedKafka.layer({ dataDir })), Context.get(EmbeddedKafka))

const topic = "messages"

const createTopic = (hosts: ReadonlyArray<string>, replicas = 1) =>
  Effect.promise(async () => {
    const admin = new Admin({ clientId: "test", bootstrapBrokers: [...hosts] })
    await admin.createTopics({ topics: [topic], partitions: 1, replicas })
    await admin.close()
  })

interface ProducerRetries {
  readonly retries: number
  readonly retryDelay?: number
  readonly timeout?: number
}

const patient: ProducerRetries = { retries: 100, retryDelay: 100 }

const append = (hosts: ReadonlyArray<string>, options: ProducerRetries, value: string) =>
  Effect.tryPromise(async () => {
    const producer = new Producer({ clientId: "test", bootstrapBrokers: [...hosts], ...options })
    const messages = [{ topic, partition: 0, value: Buffer.from(value) }]
    await producer.send({ messages, acks: -1 }).finally(() => producer.close())
  })

/** Everything in the topic, once there are so many. */
const read = (hosts: ReadonlyArray<string>, count: number) =>
  Effect.promise(async () => {
    const consumer = new Consumer({ clientId: "test", bootstrapBrokers: [...hosts], groupId: crypto.randomUUID() })
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false })
    const values: Array<string> = []
    for await (const { value } of stream) {
      values.push(value.toString())
      if (values.length === count) break
    }
    await consumer.close(true)
    return values
  })

const answers = (host: string) => ApiVersions.answers(Number(host.split(":")[1]))

describe("EmbeddedKafka", () => {
  it.live("keeps what it was told from one start to the next, and leaves no process", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { hosts } = yield* start(dataDir)
          yield* createTopic(hosts)
          yield* append(hosts, patient, "first")
        })
      )
      assert.deepStrictEqual(processesBelow(dataDir), [])
      const { hosts } = yield* start(dataDir)
      yield* append(hosts, patient, "second")
      assert.deepStrictEqual(yield* read(hosts, 2), ["first", "second"])
    })
  )

  it.live("comes back by itself on the same port when the broker is killed, with all that was acknowledged", () =>
    Effect.gen(function* () {
      const { hosts, pid } = yield* start(yield* Folder.make)
      yield* createTopic(hosts)
      yield* append(hosts, patient, "before")
      const killed = yield* pid
      process.kill(killed, "SIGKILL")
      // For a moment after its end nobody has heard of it.
      yield* Effect.repeat(Effect.delay(pid, "10 millis"), { until: (running) => running !== killed })
      yield* append(hosts, patient, "after")
      assert.deepStrictEqual(yield* read(hosts, 2), ["before", "after"])
    })
  )

  for (const way of ["stop", "kill"] as const) {
    it.live(`stays away after a ${way} until it is restarted`, () =>
      Effect.gen(function* () {
        const dataDir = yield* Folder.make
        const broker = yield* start(dataDir)
        yield* createTopic(broker.hosts)
        yield* append(broker.hosts, patient, "before")
        yield* broker[way]
        yield* broker[way]
        assert.deepStrictEqual(processesBelow(dataDir), [])
        assert.isFalse(yield* answers(broker.host))
        yield* broker.restart
        assert.isTrue(yield* answers(broker.host))
        assert.deepStrictEqual(yield* read(broker.hosts, 1), ["before"])
      })
    )
  }

  it.live("is not taken for one that ended unasked when it is restarted as soon as it has stopped", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(message))])
      const dataDir = yield* Folder.make
      const { restart, stop } = yield* Effect.provide(start(dataDir), logger)
      yield* Effect.andThen(stop, restart)
      assert.deepStrictEqual(lines, [])
    })
  )

  it.live("does not outlive a program that is killed, and the folder can be used at once", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const program = yield* Program.start({ dataDir, file: "brokerProgram.ts" })
      const host = yield* program.line
      yield* createTopic([host])
      yield* append([host], patient, "before")
      program.kill("SIGKILL")
      yield* program.ended
      const { hosts } = yield* start(dataDir)
      assert.deepStrictEqual(yield* read(hosts, 1), ["before"])
    })
  )

  it.live("refuses a used port and a wrong setting, each in one line", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const line = (options: EmbeddedKafkaOptions & { readonly dataDir?: string }) =>
        Effect.map(Effect.flip(Layer.launch(EmbeddedKafka.layer({ dataDir, ...options }))), ({ message }) => message)
      const wrong = { settings: { "num.io.threads": "none" } }
      const reason = "Invalid value none for configuration num.io.threads: Not a number of type INT"
      assert.strictEqual(yield* line(wrong), `Kafka's data folder could not be formatted: ${reason}`)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { host } = yield* start(dataDir)
          const port = Number(host.split(":")[1])
          assert.strictEqual(
            yield* line({ port, dataDir: yield* Folder.make }),
            `Port ${port} is in use by another program. Set KAFKA_PORT to another one.`
          )
        })
      )
      assert.strictEqual(yield* line(wrong), `Kafka did not start: ${reason} (more in ${dataDir}/kafka.log).`)
    })
  )

  it.live("shares jars and class archive with other brokers", () =>
    Effect.gen(function* () {
      const cache = yield* Folder.make
      const hosts = yield* Effect.forEach(
        [yield* Folder.make, yield* Folder.make],
        (dataDir) =>
          Effect.scoped(
            Effect.map(
              Layer.build(EmbeddedKafka.layer({ dataDir, cache })),
              (services) => Context.get(services, EmbeddedKafka).host
            )
          ),
        { concurrency: 2 }
      )
      assert.strictEqual(new Set(hosts).size, 2)
      const names = readdirSync(cache).toSorted()
      assert.strictEqual(names.length, 2)
      assert.match(names.join(" "), /^kafka-[\d.]+ kafka-[\d.]+-java-[\d.]+\.jsa$/)
    })
  )

  it.live("opens further doors for clients with a password", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const layer = EmbeddedKafka.layer({
        dataDir,
        listeners: ["SASL_PLAINTEXT"],
        users: ["SCRAM-SHA-512=[name=capture,password=hunter2]"],
        settings: {
          "sasl.enabled.mechanisms": "SCRAM-SHA-512",
          "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config":
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        }
      })
      const broker = Context.get(yield* Layer.build(layer), EmbeddedKafka)
      const topics = (password: string) =>
        Effect.tryPromise(async () => {
          const admin = new Admin({
            clientId: "test",
            bootstrapBrokers: [broker.hostOf("SASL_PLAINTEXT") ?? ""],
            retries: 0,
            sasl: { mechanism: "SCRAM-SHA-512", username: "capture", password }
          })
          return await admin.listTopics().finally(() => admin.close())
        })
      yield* createTopic(broker.hosts)
      assert.deepStrictEqual(yield* topics("hunter2"), [topic])
      yield* Effect.flip(topics("wrong"))
      assert.notInclude(readFileSync(join(dataDir, "kafka.log"), "utf8"), "hunter2")
    })
  )
})

describe("EmbeddedKafkaCluster", () => {
  it.live("acknowledges while one of three is away, and not while two are", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const services = yield* Layer.build(EmbeddedKafkaCluster.layer({ dataDir }))
      const { brokers, hosts } = Context.get(services, EmbeddedKafkaCluster)
      yield* createTopic(hosts, 3)
      yield* append(hosts, patient, "three")
      yield* brokers[1]!.kill
      yield* append([hosts[0]!], patient, "two")
      yield* brokers[2]!.kill
      yield* Effect.flip(append([hosts[0]!], { retries: 0, timeout: 2_000 }, "one"))
      yield* Effect.forEach([brokers[1]!, brokers[2]!], ({ restart }) => restart, { concurrency: 2 })
      yield* append(hosts, patient, "three again")
      const values = yield* read(hosts, 3)
      // What was not acknowledged may be there all the same.
      assert.deepStrictEqual(values.filter((value) => value !== "one").slice(0, 2), ["three", "two"])
    })
  )
})
