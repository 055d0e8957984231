/** `KafkaAdmin` over kafkajs. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import kafkajs from "kafkajs"
import { AdminError, type KafkaAdmin } from "../KafkaClient.ts"
import type { KafkaSettings } from "../Settings.ts"
import { isCertificateCode } from "../TlsFailure.ts"
import * as TopicState from "../TopicState.ts"
import * as Connection from "./Connection.ts"
import * as Failure from "./Failure.ts"

const limits: Connection.Limits = { connectMs: 5_000, requestMs: 15_000, retries: 0 }

/** As many copies as the brokers do by themselves. */
const byDefault = -1

const reasonOf = (error: unknown): AdminError["reason"] => {
  const cause = Failure.deepestCause(error)
  const type = Failure.fieldOf(cause, "type")
  const message = Failure.messageOf(cause)
  if (/mechanism is not supported/.test(message) || type.endsWith("_SASL_MECHANISM") || type === "ILLEGAL_SASL_STATE") {
    return "Mechanism"
  }
  if (Failure.fieldOf(cause, "name") === "KafkaJSSASLAuthenticationError") return "Credentials"
  if (type === "SASL_AUTHENTICATION_FAILED") return "Credentials"
  if (isCertificateCode(Failure.fieldOf(cause, "code"))) return "Certificate"
  if (/before secure TLS|wrong version number|packet length too long/.test(message)) return "Protocol"
  if (type.endsWith("_AUTHORIZATION_FAILED")) return "Forbidden"
  return type.startsWith("INVALID_") || type === "POLICY_VIOLATION" || Failure.isDenied(cause) ? "Refused" : "Away"
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, AdminError> =>
  Effect.tryPromise({
    try: run,
    catch: (error) => new AdminError({ reason: reasonOf(error), detail: Failure.messageOf(error) })
  })

export const make = (settings: KafkaSettings): Effect.Effect<KafkaAdmin, never, Scope.Scope> =>
  Effect.map(
    Connection.scoped(() => Connection.make(settings, limits).admin()),
    (admin) => {
      const connected = <A>(run: () => Promise<A>) => attempt(() => admin.connect().then(run))
      return {
        check: Effect.asVoid(connected(() => admin.describeCluster())),
        topics: Effect.map(
          connected(() => admin.listTopics()),
          (topics) => new Set(topics)
        ),
        create: ({ configs, name, partitions, replication }) =>
          Effect.asVoid(
            connected(() =>
              admin.createTopics({
                topics: [
                  {
                    topic: name,
                    numPartitions: partitions,
                    replicationFactor: replication ?? byDefault,
                    configEntries: Object.entries(configs).map(([name, value]) => ({ name, value }))
                  }
                ],
                waitForLeaders: false
              })
            )
          ),
        describe: (topics) =>
          connected(async () => {
            const type = kafkajs.ConfigResourceTypes.TOPIC
            const { resources } = await admin.describeConfigs({
              resources: topics.map((name) => ({ type, name, configNames: [...TopicState.configs] })),
              includeSynonyms: false
            })
            const metadata = await admin.fetchTopicMetadata({ topics: [...topics] })
            const copies = new Map(
              metadata.topics.map(({ name, partitions }) => [name, partitions.map(({ replicas }) => replicas.length)])
            )
            return new Map(
              resources.map(({ configEntries, resourceName }) => {
                const values = new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]))
                return [resourceName, TopicState.make(values, copies.get(resourceName) ?? [])] as const
              })
            )
          })
      }
    }
  )
