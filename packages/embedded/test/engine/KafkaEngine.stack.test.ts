/** ClickHouse reads a real Kafka by itself, in the engine program. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Admin, Consumer, Producer } from "@platformatic/kafka"
import { Health } from "@tributary/pipeline/service/Health"
import { store } from "@tributary/pipeline/sink/Store"
import { errors, targets } from "@tributary/pipeline/sink/Tables"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import * as KafkaWatch from "@tributary/runtime-node/clickhouse/KafkaWatch"
import * as Start from "@tributary/runtime-node/clickhouse/Start"
import { Effect, Fiber, Layer, Option, References } from "effect"
import { inject } from "vitest"
import { record } from "../../../pipeline/test/sink/support.ts"
import * as EngineProcess from "../../src/engine/EngineProcess.ts"
import { http, options, restartable } from "./support.ts"

/** Of a test, in milliseconds: sessions of dead readers end after 6 s, on a busy machine all takes longer. */
const patience = 180_000

const bootstrapBrokers = [...inject("kafkaHosts")]
const brokers = bootstrapBrokers.join(",")
const database = "tributary"

const timestamp = new Date().toISOString().slice(0, 23).replace("T", " ")
const uuid = "018f0000-0000-7000-8000-00000000000a"

/** A message for each table, without what makes it one of many. */
const messages: Readonly<Record<string, object>> = {
  events: { uuid, event: "e", team_id: 1, timestamp, distinct_id: "d", person_mode: "full", project_id: 1 },
  person: { id: uuid, team_id: 1, version: 1, created_at: timestamp, properties: "{}" },
  person_distinct_id2: { team_id: 1, distinct_id: "d", person_id: uuid, version: 1, is_deleted: 0 },
  groups: { team_id: 1, group_type_index: 0, group_key: "acme", version: 1, group_properties: '{"ü":1}' },
  ingestion_warnings: { team_id: 1, type: "w", source: "plugin-server", details: "{}", timestamp },
  app_metrics2: { team_id: 1, metric_name: "m", count: 1, timestamp },
  log_entries: { team_id: 1, message: "m", timestamp },
  heatmaps: { team_id: 1, x: 1, timestamp }
}

/** Topics of a test's own, with its prefix. */
const topicsOf = (topicPrefix: string, partitions: number) =>
  Effect.promise(async () => {
    const admin = new Admin({ clientId: "test", bootstrapBrokers })
    for (const { topic } of targets) {
      await admin.createTopics({ topics: [topicPrefix + topic], partitions, replicas: 1 })
    }
    await admin.close()
  })

interface Sending {
  readonly topic: string
  readonly value: string | Buffer
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Of the record; now by default. */
  readonly timestamp?: bigint
}

const producer = Effect.acquireRelease(
  Effect.sync(() => new Producer({ clientId: "test", bootstrapBrokers, retries: 100, retryDelay: 100 })),
  (made) => Effect.promise(() => made.close())
)

const send = (to: Effect.Success<typeof producer>, sending: ReadonlyArray<Sending>) =>
  Effect.promise(() =>
    to.send({
      acks: -1,
      messages: sending.map(({ headers = {}, key = "k", timestamp = BigInt(Date.now()), topic, value }) => ({
        ...{ topic, key: Buffer.from(key), value: Buffer.from(value), timestamp },
        headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]))
      }))
    })
  )

const query = (sql: string, parameters?: Readonly<Record<string, unknown>>) =>
  ClickHouseHttp.ClickHouseHttp.use((clickhouse) => clickhouse.query(sql, parameters))

const count = (sql: string) => Effect.map(query(sql), ([row]) => Number(row?.["n"]))

/** What a query answers with, once it is what is waited for; a ClickHouse that is away is waited for too. */
const eventually = <A, E, R>(answer: Effect.Effect<A, E, R>, holds: (found: A) => boolean) =>
  answer.pipe(
    Effect.option,
    Effect.delay("20 millis"),
    Effect.repeat({ until: (found) => found._tag === "Some" && holds(found.value) })
  )

const migrate = (topicPrefix: string, ingest: "sink" | "kafka-engine" = "kafka-engine") =>
  Start.migrate({
    ...{ database, username: "default" },
    kafka: ingest === "sink" ? undefined : { brokers, topicPrefix, groupPrefix: "clickhouse-" }
  })

const over = (program: EngineProcess.EngineProcess) => Layer.merge(http(program), Health.layer)

/** What may become of a message, beside the plain ones: guides clickhouse 3. */
const oddEvents: ReadonlyArray<string | Buffer> = [
  JSON.stringify(messages["events"]),
  `{"uuid":"${uuid}","event":"nested","team_id":"7","properties":{"a":[1,{"b":null}]},"nobody":{"knows":1}}`,
  `{ "uuid":"${uuid}","event":"\\u0000\\u00e9😀","distinct_id":null,"timestamp":"2026-01-02T03:04:05.678Z"}`,
  Buffer.concat([Buffer.from('{"event":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
  "{}",
  '{"uuid":""}',
  '{"uuid":"abc"}',
  '{"team_id":1.5}',
  '{"person_mode":"half"}',
  '{"historical_migration":"true"}',
  '{"event":"a","event":"b"}',
  '{"event":"\\ud83d"}',
  '{"timestamp":"2024-02-30 10:00:00"}',
  '{"event":"cut"',
  "no json",
  "null"
]

const letters: ReadonlyArray<Omit<Sending, "topic">> = [
  { value: Buffer.from(Array.from({ length: 256 }, (_, i) => i)), headers: { dlq_reason: "r", odd: '"\\' } },
  { value: "x", headers: { dlq_topic: "t", dlq_partition: "1", dlq_offset: "2", dlq_team_id: "9", token: "phc" } },
  {
    value: "x",
    headers: { dlq_topic: "t", dlq_partition: "-1", dlq_offset: "2", dlq_timestamp: "2026-01-02T03:04:05.678Z" }
  },
  { value: "\0", headers: { dlq_empty: "null" } }
]

describe("ClickHouse's reading of Kafka", () => {
  it.live(
    "makes the same rows as the sink",
    () =>
      Effect.gen(function* () {
        const prefix = `same_${randomUUID().slice(0, 8)}_`
        yield* topicsOf(prefix, 1)
        const to = yield* producer
        const at = Date.now() - 60_000
        const program = yield* EngineProcess.start(options())
        yield* Effect.gen(function* () {
          yield* migrate(prefix)
          yield* Start.migrate({ database: "sunk", username: "default" })
          for (const target of targets) {
            const topic = prefix + target.topic
            const plain: ReadonlyArray<Omit<Sending, "topic">> =
              target.table === "dead_letters"
                ? letters
                : target.table === "events"
                  ? oddEvents.map((value) => ({ value }))
                  : [JSON.stringify(messages[target.table]), '{"team_id":"x"}', "{}"].map((value) => ({ value }))
            const sending = plain.map((one) => ({ ...one, topic, timestamp: BigInt(at) }))
            yield* send(to, sending)
            const records = sending.map(({ headers = {}, key = "k", value }, offset) =>
              record(topic, 0, offset, typeof value === "string" ? value : new Uint8Array(value), {
                headers: Object.entries(headers),
                key: Buffer.from(key),
                timestamp: at
              })
            )
            yield* store({ target, topic, topicId: () => prefix }, records)
          }
          for (const table of [...targets.map((target) => target.table), "person_distinct_id_overrides", errors]) {
            const except = table === "events" ? "inserted_at" : table === errors ? "error" : ""
            const rows = (database: string) =>
              query(
                `SELECT * ${except === "" ? "" : `EXCEPT (${except})`} FROM ${database}.${table} FINAL
               ORDER BY ${table === errors || table === "dead_letters" ? "topic, offset" : "_offset"}`
              )
            const sunk = yield* rows("sunk")
            const read = yield* eventually(rows(database), (found) => found.length >= sunk.length)
            assert.deepStrictEqual(read, Option.some(sunk), table)
            assert.isAbove(sunk.length, 0, table)
          }
        }).pipe(
          Effect.provide(ClickHouseHttp.layerSink("sunk").pipe(Layer.provideMerge(over(program)))),
          Effect.provideService(References.MinimumLogLevel, "None")
        )
      }).pipe(Effect.scoped),
    patience
  )

  it.live(
    "fills every table, and keeps broken messages without holding up the others",
    () =>
      Effect.gen(function* () {
        const prefix = `all_${randomUUID().slice(0, 8)}_`
        yield* topicsOf(prefix, 1)
        const broken = '{"team_id":"not a number"}'
        const to = yield* producer
        for (const { table, topic } of targets) {
          const message = messages[table]
          const headers = {
            dlq_topic: "t",
            dlq_partition: "3",
            dlq_offset: "7",
            dlq_reason: "r",
            token: "phc",
            dlq_empty: ""
          }
          const [good, bad]: ReadonlyArray<Sending> =
            message === undefined
              ? [
                  { topic: prefix + topic, value: Buffer.from([0, 255, 10]), headers },
                  { topic: prefix + topic, value: "\0", headers: { ...headers, dlq_offset: "8", dlq_empty: "null" } }
                ]
              : [
                  { topic: prefix + topic, value: JSON.stringify(message) },
                  { topic: prefix + topic, value: broken }
                ]
          yield* send(to, [bad!, good!])
        }
        const program = yield* EngineProcess.start(options())
        yield* Effect.gen(function* () {
          yield* migrate(prefix)
          for (const { table } of targets) {
            const n = table === "dead_letters" ? 2 : 1
            yield* eventually(count(`SELECT count() AS n FROM tributary.${table}`), (found) => found === n)
          }
          yield* eventually(count(`SELECT count() AS n FROM tributary.${errors}`), (n) => n === targets.length - 1)
          assert.strictEqual(yield* count("SELECT count() AS n FROM tributary.person_distinct_id_overrides"), 1)
          assert.deepStrictEqual(
            yield* query(
              "SELECT DISTINCT raw, offset FROM tributary.kafka_errors WHERE error != '' AND _timestamp > now() - 600"
            ),
            [{ raw: broken, offset: "0" }]
          )
          assert.deepStrictEqual(
            yield* query(
              "SELECT topic, toUInt8(offset) AS offset, reason, token, hex(value) AS value FROM tributary.dead_letters ORDER BY offset"
            ),
            [
              { topic: "t", offset: 7, reason: "r", token: "phc", value: "00FF0A" },
              { topic: "t", offset: 8, reason: "r", token: "phc", value: "" }
            ]
          )
          assert.deepStrictEqual(
            yield* query(
              "SELECT event, toUInt8(_offset) AS offset, _timestamp > now() - 600 AS fresh FROM tributary.events"
            ),
            [{ event: "e", offset: 1, fresh: 1 }]
          )
        }).pipe(Effect.provide(over(program)))
      }).pipe(Effect.scoped),
    patience
  )

  it.live(
    "loses nothing when the engine is killed under load, again and again",
    () =>
      Effect.gen(function* () {
        const prefix = `kill_${randomUUID().slice(0, 8)}_`
        yield* topicsOf(prefix, 2)
        const chosen = yield* restartable
        const first = yield* EngineProcess.start(chosen)
        yield* Effect.gen(function* () {
          yield* migrate(prefix)
          const to = yield* producer
          let sent = 0
          const load = Effect.suspend(() => {
            const numbers = Array.from({ length: 20 }, () => sent++)
            return send(
              to,
              numbers.flatMap((n) => [
                {
                  topic: `${prefix}clickhouse_events_json`,
                  key: `${n}`,
                  value: JSON.stringify({ uuid: randomUUID(), event: `${n}`, team_id: 1, timestamp, distinct_id: "d" })
                },
                {
                  topic: `${prefix}clickhouse_ingestion_warnings`,
                  key: `${n}`,
                  value: JSON.stringify({ ...messages["ingestion_warnings"], type: `${n}` })
                },
                // A broken one now and then.
                ...(n % 10 === 0 ? [{ topic: `${prefix}clickhouse_groups`, key: `${n}`, value: `broken ${n}` }] : [])
              ])
            )
          })
          const events = count("SELECT uniqExact(event) AS n FROM tributary.events")
          const loading = yield* Effect.forkScoped(Effect.forever(Effect.delay(load, "10 millis")))
          let engine = first
          for (let round = 0; round < 3; round++) {
            const before = sent
            yield* eventually(events, (n) => n > before)
            engine.kill("SIGKILL")
            yield* engine.ended
            engine = yield* EngineProcess.start(chosen)
          }
          yield* Fiber.interrupt(loading)
          yield* load
          yield* eventually(events, (n) => n === sent)
          yield* eventually(count("SELECT uniqExact(type) AS n FROM tributary.ingestion_warnings"), (n) => n === sent)
          yield* eventually(count("SELECT uniqExact(raw) AS n FROM tributary.kafka_errors"), (n) => n === sent / 10)
          // What was inserted twice collapses.
          assert.strictEqual(yield* count("SELECT count() AS n FROM tributary.events_deduplicated"), sent)
          assert.strictEqual(yield* count("SELECT count() AS n FROM tributary.ingestion_warnings FINAL"), sent)
        }).pipe(Effect.provide(over(first)))
      }).pipe(Effect.scoped),
    patience
  )

  it.live(
    "reads under no lasting name, for whose sake a broker could fence it",
    () =>
      Effect.gen(function* () {
        const prefix = `name_${randomUUID().slice(0, 8)}_`
        yield* topicsOf(prefix, 1)
        const program = yield* EngineProcess.start(options())
        yield* Effect.provide(migrate(prefix), over(program))
        const admin = yield* Effect.acquireRelease(
          Effect.sync(() => new Admin({ clientId: "test", bootstrapBrokers })),
          (made) => Effect.promise(() => made.close())
        )
        const members = Effect.promise(async () => {
          const groups = await admin.describeGroups({
            groups: targets.map(({ topic }) => `clickhouse-${prefix}${topic}`)
          })
          return [...groups.values()].flatMap((group) => [...group.members.values()])
        })
        const names = (yield* Effect.repeat(Effect.delay(members, "20 millis"), {
          until: (found) => found.length === targets.length
        })).map(({ groupInstanceId }) => groupInstanceId)
        assert.deepStrictEqual(new Set(names), new Set([null]))
      }).pipe(Effect.scoped),
    patience
  )

  it.live(
    "hands over to whoever reads in its groups, and takes over from there",
    () =>
      Effect.gen(function* () {
        const prefix = `hand_${randomUUID().slice(0, 8)}_`
        const topic = `${prefix}clickhouse_groups`
        yield* topicsOf(prefix, 1)
        const program = yield* EngineProcess.start(options())
        yield* Effect.gen(function* () {
          const to = yield* producer
          const group = (n: number) => JSON.stringify({ ...messages["groups"], group_key: `${n}` })
          const keys = Effect.map(query("SELECT group_key FROM tributary.groups ORDER BY toUInt8(group_key)"), (rows) =>
            rows.map((row) => row["group_key"]).join()
          )
          yield* migrate(prefix)
          yield* send(to, [{ topic, value: group(1) }])
          yield* eventually(keys, (found) => found === "1")
          yield* migrate(prefix, "sink")
          assert.strictEqual(
            yield* count(
              "SELECT count() AS n FROM system.tables WHERE database = 'tributary' AND startsWith(name, 'kafka_')"
            ),
            1
          )
          yield* send(to, [
            { topic, value: group(2) },
            { topic, value: group(3) }
          ])
          // As the sink would: a member of the group, from what is committed, which commits.
          const [handed] = yield* Effect.promise(async () => {
            const consumer = new Consumer({ clientId: "test", bootstrapBrokers, groupId: `clickhouse-${topic}` })
            const stream = await consumer.consume({ topics: [topic], mode: "committed", autocommit: false })
            for await (const message of stream) {
              await message.commit()
              await consumer.close(true)
              return [message]
            }
            return []
          })
          assert.strictEqual(handed?.value.toString(), group(2))
          yield* migrate(prefix)
          yield* eventually(keys, (found) => found === "1,3")
        }).pipe(Effect.provide(over(program)))
      }).pipe(Effect.scoped),
    patience
  )

  it.live(
    "tells readiness of a view whose insert fails, and goes on once it is mended",
    () =>
      Effect.gen(function* () {
        const prefix = `watch_${randomUUID().slice(0, 8)}_`
        const topic = `${prefix}clickhouse_groups`
        yield* topicsOf(prefix, 1)
        const program = yield* EngineProcess.start(options())
        yield* Effect.gen(function* () {
          const { command } = yield* ClickHouseHttp.ClickHouseHttp
          const health = yield* Health
          const to = yield* producer
          yield* migrate(prefix)
          yield* command(
            "CREATE MATERIALIZED VIEW tributary.bad TO tributary.groups AS SELECT group_key FROM tributary.kafka_groups WHERE throwIf(1, 'no good') = 0"
          )
          const place = { database }
          let sent = 0
          // What is read at this moment goes by the views of the moment before, so one message may come through.
          const sendOne = Effect.suspend(() =>
            send(to, [{ topic, value: JSON.stringify({ ...messages["groups"], group_key: `${sent++}` }) }])
          )
          yield* eventually(Effect.andThen(sendOne, KafkaWatch.failures(place)), (found) => found.length === 1)
          const watch = yield* Effect.forkScoped(KafkaWatch.run(place))
          yield* eventually(health.troubles, (troubles) => troubles.length === 1)
          const [trouble] = yield* health.troubles
          assert.strictEqual(trouble?.engine, "ClickHouse's consumer of Kafka")
          assert.match(trouble?.reason ?? "", /^kafka_groups: .*no good/)
          yield* Fiber.interrupt(watch)
          yield* command("DROP VIEW tributary.bad")
          yield* eventually(count("SELECT uniqExact(group_key) AS n FROM tributary.groups"), (n) => n === sent)
          yield* eventually(KafkaWatch.failures(place, 1), (found) => found.length === 0)
        }).pipe(Effect.provide(over(program)), Effect.provideService(References.MinimumLogLevel, "None"))
      }).pipe(Effect.scoped),
    patience
  )
})
