/**
 * Settings that PostHog's capture and workers have and none of our programs reads, or none reads yet. Who brings an environment
 * along is told their names at the start, in a line of each kind, never their values (spec capture 6.2, spec worker 7).
 */
import * as Effect from "effect/Effect"

const names: ReadonlySet<string> = new Set([
  // Capture.
  "BODY_READ_CHUNK_SIZE_KB",
  "CAPTURE_CONFIG_REDIS_HOST",
  "CAPTURE_OUTPUT_DLQ_TOPIC",
  "EXPORT_PROMETHEUS",
  "HEALTHCHECK_STRATEGY",
  "HISTORICAL_TOKENS_KEYS",
  "IS_MIRROR_DEPLOY",
  "NOOP_SINK",
  "OTEL_URL",
  "PRINT_SINK",
  "REQUEST_TIMEOUT_SECONDS",
  "VERBOSE_SAMPLE_PERCENT",
  // Its client of Kafka, which is librdkafka, and topics that have one name here.
  "KAFKA_BROKER_ADDRESS_FAMILY",
  "KAFKA_COMPRESSION_CODEC",
  "KAFKA_LOG_CONNECTION_CLOSE",
  "KAFKA_MESSAGE_TIMEOUT_MS",
  "KAFKA_RETRY_BACKOFF_MAX_MS",
  "KAFKA_SASL_TOKEN_COMMAND",
  "KAFKA_TOPIC",
  // Workers.
  "CLOUD_DEPLOYMENT",
  "DATABASE_READONLY_URL",
  "DISTINCT_ID_LRU_SIZE",
  "EVENT_PROPERTY_LRU_SIZE",
  "EXTERNAL_REQUEST_TIMEOUT_MS",
  "INGESTION_BATCH_SIZE",
  "INGESTION_CONCURRENCY",
  "INGESTION_CONSUMER_DLQ_TOPIC",
  "INGESTION_CONSUMER_TESTING_TOPIC",
  "KAFKAJS_LOG_LEVEL",
  "MMDB_FILE_LOCATION",
  "PERSONS_READONLY_DATABASE_URL",
  "PERSON_INFO_CACHE_TTL",
  "PERSON_JSONB_SIZE_ESTIMATE_ENABLE",
  "PERSON_UPDATE_CALCULATE_PROPERTIES_SIZE",
  "PIPELINE_STEP_STALLED_LOG_TIMEOUT",
  "PLUGINS_DEFAULT_LOG_LEVEL",
  "PLUGIN_SERVER_EVENTS_INGESTION_PIPELINE",
  "PLUGIN_SERVER_MODE",
  "PLUGIN_STORAGE_DATABASE_URL",
  "POSTGRES_CONNECTION_POOL_SIZE",
  "USE_DYNAMIC_EVENT_INGESTION_RESTRICTION_CONFIG"
])

/** Settings of ours for what is still to come: limits of overflow, cookieless, restrictions that change at run time. */
const later: ReadonlySet<string> = new Set([
  "CAPTURE_INGESTION_WARNINGS_ENABLED",
  "CAPTURE_V1_MAX_COMPRESSED_BODY_BYTES",
  "CAPTURE_V1_MAX_DECOMPRESSED_BODY_BYTES",
  "COOKIELESS_DELETE_EXPIRED_LOCAL_SALTS_INTERVAL_MS",
  "COOKIELESS_FORCE_STATELESS_MODE",
  "COOKIELESS_IDENTIFIES_TTL_SECONDS",
  "COOKIELESS_SALT_TTL_SECONDS",
  "COOKIELESS_SESSION_INACTIVITY_MS",
  "COOKIELESS_SESSION_TTL_SECONDS",
  "EVENT_OVERFLOW_BUCKET_CAPACITY",
  "EVENT_OVERFLOW_BUCKET_REPLENISH_RATE",
  "EVENT_RESTRICTIONS_ENABLED",
  "EVENT_RESTRICTIONS_FAIL_OPEN_AFTER_SECS",
  "EVENT_RESTRICTIONS_REFRESH_INTERVAL_SECS",
  "OVERFLOW_BURST_LIMIT",
  "OVERFLOW_ENABLED",
  "OVERFLOW_PER_SECOND_LIMIT",
  "OVERFLOW_PRESERVE_PARTITION_LOCALITY",
  "PERSON_MERGE_EVENTS_ENABLED",
  "PERSON_MERGE_EVENTS_PARTITION_COUNT",
  "PERSON_MERGE_EVENTS_TEAM_ALLOWLIST",
  "REDIS_KEY_PREFIX",
  "REDIS_URL"
])

/** Beginnings of names; everything that begins so is PostHog's alone, but for `ours`. */
const families: ReadonlyArray<string> = [
  "AI_S3_",
  "APP_METRICS_",
  "CAPTURE_AI_",
  "CAPTURE_ANALYTICS_",
  "CAPTURE_OUTPUT_AI_",
  "CAPTURE_V1_",
  "CDP_",
  "CONSUMER_",
  "CYCLOTRON_",
  "DEDUPLICATION_",
  "EVENT_OVERFLOW_",
  "EVENT_RESTRICTIONS_",
  "GLOBAL_RATE_LIMIT_",
  "GROUP_BATCH_WRITING_",
  "HOG_FUNCTION_",
  "INGESTION_REDIS_",
  "KAFKA_BATCH_",
  "KAFKA_CONSUMER_",
  "KAFKA_CONSUMPTION_",
  "KAFKA_HEALTHCHECK_",
  "KAFKA_METADATA_",
  "KAFKA_PARTITIONS_",
  "KAFKA_PRODUCER_",
  "KAFKA_SOCKET_",
  "KAFKA_TOPIC_METADATA_",
  "KAFKA_TRACES_",
  "OBJECT_STORAGE_",
  "OVERFLOW_",
  "PERSON_BATCH_WRITING_",
  "PERSON_MERGE_EVENTS_",
  "POSTHOG_DB_",
  "POSTHOG_POSTGRES_",
  "POSTHOG_REDIS_",
  "POSTHOG_SESSION_RECORDING_",
  "PROPERTY_DEFS_",
  "REDIS_",
  "S3_FALLBACK_",
  "SESSION_RECORDING_",
  "TOKEN_VALIDATION_"
]

/** A topic of PostHog's by one of its older names. */
const topic = /^KAFKA_\w+_TOPIC$/

/** What begins as a family does and is read all the same. */
export const ours: ReadonlySet<string> = new Set([
  "CONSUMER_BATCH_BYTES",
  "CONSUMER_BATCH_SIZE",
  "KAFKA_PRODUCER_IDEMPOTENT"
])

const isPostHogs = (name: string): boolean =>
  names.has(name) || topic.test(name) || (families.some((family) => name.startsWith(family)) && !ours.has(name))

/** What a setting changes here: nothing, because it is PostHog's alone, or nothing yet; undefined for any other name. */
export const kindOf = (name: string): "ignored" | "later" | undefined =>
  later.has(name) ? "later" : isPostHogs(name) ? "ignored" : undefined

const lines = {
  ignored: "Settings of PostHog's that have no meaning here, and are ignored",
  later: "Settings that are not read yet, and change nothing so far"
} as const

/** Names the settings of an environment that nobody reads, if there are any; an empty one is not set. */
export const tell = (environment: NodeJS.ProcessEnv): Effect.Effect<void> =>
  Effect.forEach(
    ["ignored", "later"] as const,
    (kind) => {
      const found = Object.keys(environment).filter((name) => environment[name] !== "" && kindOf(name) === kind)
      return found.length === 0 ? Effect.void : Effect.logWarning(`${lines[kind]}: ${found.sort().join(", ")}`)
    },
    { discard: true }
  )
