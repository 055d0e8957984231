/**
 * The topics of Tributary at the start of a program: they must be there and take messages as large as ours, or the start ends
 * with a line that names what is wrong. With `KAFKA_TOPIC_PARTITIONS` missing ones are made (guides kafka-operations 3).
 */
import * as Names from "@tributary/domain/row/Topics"
import type { Health } from "@tributary/pipeline/service/Health"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"
import * as Effect from "effect/Effect"
import * as Client from "./Client.ts"
import type { KafkaAdmin } from "./KafkaClient.ts"
import type { KafkaSettings } from "./Settings.ts"
import * as StartCheck from "./StartCheck.ts"

/** What the worker writes, with dead letters; lanes go by names of their own. */
const outputs = [
  Names.deadLetters,
  Names.clickhouseEvents,
  Names.clickhousePerson,
  Names.clickhousePersonDistinctId,
  Names.clickhouseGroups,
  Names.clickhouseIngestionWarnings,
  Names.clickhouseAppMetrics,
  Names.clickhouseHeatmaps,
  Names.logEntries
]

/** All topics that a worker reads and writes: the lanes by their whole names, and the rest behind the prefix. */
export const ofWorker = (prefix: string, lanes: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set([...lanes, ...outputs.map(Names.withPrefix(prefix))])
]

/** All topics that capture writes. */
export const ofCapture = (prefix: string, lanes: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set([...lanes, prefix + Names.deadLetters])
]

const dayMs = 24 * 60 * 60 * 1_000

/**
 * Dead letters are kept for a month, the others as the brokers keep topics: a week unless they say otherwise. With three
 * copies an acknowledgement means two of them, so that it outlives a broker (guides kafka-operations 6).
 */
const configs = (topic: string, replication: number | undefined): Readonly<Record<string, string>> => ({
  "max.message.bytes": String(MessageSize.limit(topic)),
  ...(topic.endsWith(Names.deadLetters) ? { "retention.ms": String(30 * dayMs) } : {}),
  ...(replication !== undefined && replication >= 3 ? { "min.insync.replicas": "2" } : {})
})

/** How often, and how far apart, topics that were made are looked for: all brokers must have heard of them. */
const looks = 100
const lookEvery = "100 millis"

/** Makes sure of topics, by their whole names. Waits while the brokers are away. */
export const ensure = Effect.fnUntraced(function* (
  settings: KafkaSettings,
  topics: ReadonlyArray<string>
): Effect.fn.Return<void, StartCheck.KafkaStartError, Health> {
  const client = yield* Client.load(settings)
  yield* Effect.scoped(
    Effect.gen(function* () {
      const admin = yield* client.admin(settings)
      const missing = yield* StartCheck.whileAway(settings, absent(admin, topics))
      if (missing.length > 0) yield* make(settings, admin, missing)
      const limits = yield* StartCheck.whileAway(settings, limitsOf(admin, topics))
      const small = topics.filter((topic) => (limits.get(topic) ?? MessageSize.limit(topic)) < MessageSize.limit(topic))
      if (small.length === 0) return
      const wanted = small.map((topic) => `${topic} has ${limits.get(topic)}, needs ${MessageSize.limit(topic)}`)
      return yield* new StartCheck.KafkaStartError({
        message: `Kafka topics whose max.message.bytes is too small: ${wanted.join("; ")}`
      })
    })
  )
})

const absent = (admin: KafkaAdmin, topics: ReadonlyArray<string>) =>
  Effect.map(admin.topics, (there) => topics.filter((topic) => !there.has(topic)))

const make = Effect.fnUntraced(function* (
  settings: KafkaSettings,
  admin: KafkaAdmin,
  missing: ReadonlyArray<string>
): Effect.fn.Return<void, StartCheck.KafkaStartError, Health> {
  const { partitions, replication } = settings
  if (partitions === undefined) {
    return yield* new StartCheck.KafkaStartError({
      message: `Kafka topics missing, or no right to see them: ${missing.join(", ")}. Create them, or set KAFKA_TOPIC_PARTITIONS`
    })
  }
  for (const name of missing) {
    const topic = { name, partitions, replication, configs: configs(name, replication) }
    yield* StartCheck.whileAway(settings, admin.create(topic))
  }
  yield* Effect.logInfo(`made Kafka topics with ${partitions} partitions: ${missing.join(", ")}`)
  for (let look = 0; look < looks; look++) {
    const unseen = yield* StartCheck.whileAway(settings, absent(admin, missing))
    if (unseen.length === 0) return
    yield* Effect.sleep(lookEvery)
  }
})

/** Empty without the right to see them: a topic that is too small tells of itself later. */
const limitsOf = (admin: KafkaAdmin, topics: ReadonlyArray<string>) =>
  admin.maxMessageBytes(topics).pipe(
    Effect.catchIf(
      ({ reason }) => reason === "Forbidden",
      ({ detail }) =>
        Effect.as(
          Effect.logInfo(`max.message.bytes of the Kafka topics is not checked: ${detail}`),
          new Map<string, number>()
        )
    )
  )
