/** The rights in Kafka that docs/operating/rights.md names are enough for each program; capture's let it read nothing. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Consumer } from "@platformatic/kafka"
import * as EngineProcess from "@tributary/embedded/engine/EngineProcess"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Port from "@tributary/embedded/process/Port"
import { Health } from "@tributary/pipeline/service/Health"
import * as Topics from "@tributary/runtime-node/kafka/Topics"
import { Context, Effect, Layer, Redacted } from "effect"
import kafkajs, { type AclEntry, Kafka, logLevel } from "kafkajs"
import { run } from "../../apps/standalone/test/support/Run.ts"
import { request } from "../../apps/standalone/test/support/Start.ts"
import * as Folder from "../../packages/embedded/test/support/Folder.ts"
import * as Session from "../../packages/embedded/test/support/Session.ts"
import * as TestDatabase from "../../packages/embedded/test/support/TestDatabase.ts"
import { settings } from "../../packages/runtime-node/test/kafka/TestKafka.ts"

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs

const page = readFileSync(join(import.meta.dirname, "../../docs/operating/rights.md"), "utf8")

const lanes = ["", "_overflow", "_historical"].map((lane) => `events_plugin_ingestion${lane}`)

/** `Read, Write on prefix \`a\` and on \`b\`; Read on \`c\`` as the rights that it means. Names in capitals are settings, unset here. */
const rights = (text: string, resourceType: AclEntry["resourceType"], principal: string): ReadonlyArray<AclEntry> =>
  text.split(";").flatMap((clause) => {
    const operations = [...clause.split(" on ")[0]!.matchAll(/\b(Read|Write|Describe)\b/g)].map(([name]) => name)
    const named = [...clause.matchAll(/(prefix )?`([a-z][\w-]*)`/g)].map(([, prefix, name = ""]) => ({
      name,
      pattern: prefix === undefined ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED
    }))
    const all = clause.includes("the lanes")
      ? lanes.map((name) => ({ name, pattern: ResourcePatternTypes.LITERAL }))
      : named
    return operations.flatMap((operation) =>
      all.map(({ name, pattern }) => ({
        ...{
          resourceType,
          resourceName: name,
          resourcePatternType: pattern,
          principal: `User:${principal}`,
          host: "*"
        },
        operation: AclOperationTypes[operation.toUpperCase() as "READ" | "WRITE" | "DESCRIBE"],
        permissionType: AclPermissionTypes.ALLOW
      }))
    )
  })

/** Of a line of the page's table. */
const rightsOf = (line: string, user: string): ReadonlyArray<AclEntry> => {
  const [, topics = "", groups = ""] = new RegExp(`^\\| ${line} \\| (.*?) \\| (.*?) \\|$`, "m").exec(page) ?? []
  return [...rights(topics, AclResourceTypes.TOPIC, user), ...rights(groups, AclResourceTypes.GROUP, user)]
}

/** As the page says: ClickHouse logs in as the worker does. */
const granted = [
  ...rightsOf("capture", "capture"),
  ...rightsOf("worker", "worker"),
  ...rightsOf("ClickHouse", "worker"),
  ...rightsOf("KEDA", "keda")
]

const password = "secret"
const users = ["capture", "worker", "keda"].map((user) => `user_${user}="${password}"`).join(" ")

/** Its plain door is for the broker itself, and for whoever may do everything; nobody else may do anything that is not granted. */
const guarded = Effect.gen(function* () {
  const layer = EmbeddedKafka.layer({
    dataDir: yield* Folder.make,
    heapMegabytes: 256,
    listeners: ["SASL_PLAINTEXT"],
    settings: {
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS",
      "listener.name.sasl_plaintext.sasl.enabled.mechanisms": "PLAIN",
      "listener.name.sasl_plaintext.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required ${users};`
    }
  })
  const broker = Context.get(yield* Layer.build(layer), EmbeddedKafka)
  yield* Topics.ensure(
    { ...settings("platformatic", { hosts: broker.hosts }), partitions: 2, replication: 1 },
    Topics.ofWorker("", lanes)
  ).pipe(Effect.provide(Health.layer))
  const admin = yield* adminAs(broker.host)
  yield* Effect.promise(() => admin.createAcls({ acl: [...granted] }))
  return { admin, door: broker.hostOf("SASL_PLAINTEXT") ?? "" }
})

const clientAs = (host: string, username?: string) =>
  new Kafka({
    brokers: [host],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    ...(username === undefined ? {} : { sasl: { mechanism: "plain", username, password } })
  })

const adminAs = (host: string, username?: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const admin = clientAs(host, username).admin()
      await admin.connect()
      return admin
    }),
    (admin) => Effect.promise(() => admin.disconnect())
  )

const eventually = <A>(self: Effect.Effect<A>, holds: (found: A) => boolean) =>
  self.pipe(
    Effect.catchDefect(() => Effect.undefined),
    Effect.delay("50 millis"),
    Effect.repeat({ until: (found) => found !== undefined && holds(found) })
  )

const ready = (port: number) =>
  eventually(request(`http://127.0.0.1:${port}/_readiness`), ({ status }) => status === 200)

/** What a program said of rights; that the topics are not looked at without DescribeConfigs the page says, too. */
const complaints = (printed: string) =>
  printed.split("\n").filter((line) => /authoriz/i.test(line) && !line.includes("are not checked"))

/** Sent to capture; and what a worker makes of it goes to each topic that it writes by itself. */
const body = JSON.stringify({
  api_key: "phc_local",
  batch: [
    { event: "hello", distinct_id: "me", properties: { $set: { a: 1 } } },
    { event: "$groupidentify", distinct_id: "me", properties: { $group_type: "company", $group_key: "acme" } },
    { event: "$create_alias", distinct_id: "me", properties: { alias: "before" } },
    // Nobody's name, which a warning says.
    { event: "$create_alias", distinct_id: "me", properties: { alias: "anonymous" } }
  ]
})
const imported = JSON.stringify({
  api_key: "phc_local",
  historical_migration: true,
  batch: [{ event: "old", distinct_id: "me" }]
})

describe("the rights in Kafka of docs/operating/rights.md", () => {
  for (const [client, ingest] of [
    ["platformatic", "kafka-engine"],
    ["platformatic", "sink"],
    ["kafkajs", "sink"]
  ] as const) {
    it.live(
      `are all that programs on ${client} need, with ${ingest}`,
      () =>
        Effect.gen(function* () {
          const { admin, door } = yield* guarded
          const clickhouse = yield* EngineProcess.start({
            dataDir: yield* Folder.make,
            httpPort: 0,
            password: Redacted.make(password),
            output: "ignore"
          })
          const [port, capturePort, workerPort] = yield* Effect.all([Port.take, Port.take, Port.take])
          const shared = {
            KAFKA_CLIENT: client,
            KAFKA_HOSTS: door,
            KAFKA_SECURITY_PROTOCOL: "SASL_PLAINTEXT",
            KAFKA_SASL_MECHANISM: "PLAIN",
            KAFKA_SASL_PASSWORD: password,
            DATABASE_URL: yield* TestDatabase.make("rights")
          }
          const worker = yield* run({
            app: "worker",
            environment: {
              ...shared,
              KAFKA_SASL_USER: "worker",
              HEALTH_PORT: String(workerPort),
              CLICKHOUSE_URL: `http://127.0.0.1:${clickhouse.addresses.writePort}`,
              CLICKHOUSE_PASSWORD: password,
              CLICKHOUSE_INGEST: ingest
            }
          })
          yield* ready(workerPort)
          yield* Session.query(
            shared.DATABASE_URL,
            "INSERT INTO posthog_team (project_id, api_token) VALUES (1, 'phc_local')"
          )
          const capture = yield* run({
            app: "capture",
            environment: {
              ...shared,
              HOST: "127.0.0.1",
              KAFKA_SASL_USER: "capture",
              PORT: String(port),
              HEALTH_PORT: String(capturePort)
            }
          })
          yield* ready(capturePort)
          for (const each of [body, imported]) {
            assert.strictEqual((yield* request(`http://127.0.0.1:${port}/batch/`, each)).status, 200)
          }
          const producer = clientAs(door, "worker").producer()
          yield* Effect.promise(async () => {
            await producer.connect()
            // A worker writes these when a delivery fails; and what cannot be read goes to the dead letters.
            const line = JSON.stringify({
              team_id: 1,
              log_source: "s",
              message: "m",
              timestamp: new Date().toISOString()
            })
            await producer.send({ topic: "log_entries", messages: [{ value: line }] })
            await producer.send({ topic: lanes[0]!, messages: [{ value: "broken" }] })
            await producer.disconnect()
          })
          const counted = (table: string) =>
            Effect.map(
              request(`${clickhouse.readUrl}/`, `SELECT count() FROM tributary.${table} FORMAT TabSeparated`),
              ({ text }) => Number(text)
            )
          for (const [table, count] of [
            ["events_deduplicated", 5],
            ["current_person", 1],
            ["current_distinct_id", 2],
            ["current_group", 1],
            ["ingestion_warnings", 1],
            ["log_entries", 1],
            ["dead_letters", 1]
          ] as const) {
            yield* eventually(counted(table), (n) => n === count)
          }
          yield* ready(workerPort)
          for (const program of [capture, worker]) {
            const { code, errors, printed } = yield* program.kill("SIGTERM")
            assert.deepStrictEqual([code, errors], [0, ""])
            assert.deepStrictEqual(complaints(printed), [])
            assert.include(printed, "max.message.bytes and min.insync.replicas of the Kafka topics are not checked")
          }

          // KEDA sees lag: positions of the group against the ends of the topic.
          const keda = yield* adminAs(door, "keda")
          for (const [index, topic] of lanes.entries()) {
            const groupId = ["", "-overflow", "-historical"].map((lane) => `events-ingestion-consumer${lane}`)[index]!
            const ends = yield* Effect.promise(() => keda.fetchTopicOffsets(topic))
            const [positions] = yield* Effect.promise(() => keda.fetchOffsets({ groupId, topics: [topic] }))
            assert.lengthOf(positions?.partitions ?? [], ends.length)
          }
          if (client === "kafkajs") return
          yield* refused(admin, door)
        }),
      120_000
    )
  }
})

/** Capture's user reads nothing: no group is its, and with one of its own it may still not read its topic. */
const refused = (admin: ReturnType<Kafka["admin"]>, door: string) =>
  Effect.gen(function* () {
    const read = (groupId: string) =>
      Effect.promise(async () => {
        const sasl = { mechanism: "PLAIN" as const, username: "capture", password }
        const consumer = new Consumer({ clientId: "t", groupId, bootstrapBrokers: [door], sasl, retries: 0 })
        try {
          const stream = await consumer.consume({ topics: [lanes[0]!], mode: "earliest" })
          for await (const message of stream) return `read ${message.value.toString()}`
          return "ended"
        } catch (error) {
          return String(error)
        } finally {
          await consumer.close(true)
        }
      })
    assert.match(yield* read("events-ingestion-consumer"), /Group authorization failed/)
    const [group] = rights("Read on `probe`", AclResourceTypes.GROUP, "capture")
    yield* Effect.promise(() => admin.createAcls({ acl: [group!] }))
    assert.match(yield* read("probe"), /Topic authorization failed/)
  })
