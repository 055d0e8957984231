/**
 * The topics of Tributary at the start of a program: they must be there and take messages as large as ours, or the start ends
 * with a line that names what is wrong; a line warns where an acknowledgement means one copy of three. With `KAFKA_TOPIC_PARTITIONS` missing ones are made (guides kafka-operations 3).
 */
import * as Names from "@tributary/domain/row/Topics"
import type { Topics as CaptureTopics } from "@tributary/pipeline/capture/Settings"
import type { Health } from "@tributary/pipeline/service/Health"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Client from "./Client.ts"
import { AdminError, type KafkaAdmin } from "./KafkaClient.ts"
import type { KafkaSettings } from "./Settings.ts"
import * as StartCheck from "./StartCheck.ts"
import * as TopicState from "./TopicState.ts"

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

/** All topics that capture writes, those that some events have of their own included. */
export const ofCapture = (topics: CaptureTopics): ReadonlyArray<string> => [
  ...new Set(Object.values(topics).filter((topic) => topic !== undefined))
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

/** Topics that were made show on all brokers a moment later. This long that is no trouble. */
const soon = Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 50 }))

/** Makes sure of topics, by their whole names. Waits while the brokers are away. */
export const ensure = Effect.fnUntraced(function* (
  settings: KafkaSettings,
  topics: ReadonlyArray<string>
): Effect.fn.Return<void, StartCheck.KafkaStartError, Health> {
  const client = yield* Client.load(settings)
  yield* Effect.scoped(Effect.flatMap(client.admin(settings), (admin) => check(admin, settings, topics)))
})

/** The same, as this admin sees and makes them. */
export const check = Effect.fnUntraced(function* (
  admin: KafkaAdmin,
  settings: KafkaSettings,
  topics: ReadonlyArray<string>
): Effect.fn.Return<void, StartCheck.KafkaStartError, Health> {
  const missing = yield* StartCheck.whileAway(settings, absent(admin, topics))
  if (missing.length > 0) yield* make(settings, admin, missing)
  const states = yield* StartCheck.whileAway(settings, statesOf(admin, topics))
  const message = TopicState.refusal(states)
  if (message !== undefined) return yield* new StartCheck.KafkaStartError({ message })
  const warning = TopicState.warning(states)
  if (warning !== undefined) yield* Effect.logWarning(warning)
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
  yield* StartCheck.whileAway(settings, seen(admin, missing))
})

/** Away as long as some cannot be seen: a right may be missing, which no waiting mends, but only an operator can tell. */
const seen = (admin: KafkaAdmin, made: ReadonlyArray<string>) =>
  absent(admin, made).pipe(
    Effect.repeat({ schedule: soon, until: (unseen) => unseen.length === 0 }),
    Effect.andThen(absent(admin, made)),
    Effect.flatMap((unseen) =>
      unseen.length === 0
        ? Effect.void
        : Effect.fail(
            new AdminError({
              reason: "Away",
              detail: `topics that were made are not there yet, or no right to see them: ${unseen.join(", ")}`
            })
          )
    )
  )

/** Empty without the right to see them: a topic that is too small tells of itself later. */
const statesOf = (admin: KafkaAdmin, topics: ReadonlyArray<string>) =>
  admin.describe(topics).pipe(
    Effect.catchIf(
      ({ reason }) => reason === "Forbidden",
      ({ detail }) =>
        Effect.as(
          Effect.logInfo(`max.message.bytes and min.insync.replicas of the Kafka topics are not checked: ${detail}`),
          new Map<string, TopicState.TopicState>()
        )
    )
  )
