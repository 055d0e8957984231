/** `KafkaAdmin` over `@platformatic/kafka`. */
import { Admin } from "@platformatic/kafka"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { AdminError, type KafkaAdmin } from "../KafkaClient.ts"
import type { KafkaSettings } from "../Settings.ts"
import { isCertificateCode } from "../TlsFailure.ts"
import * as TopicState from "../TopicState.ts"
import * as Connection from "./Connection.ts"
import * as Failure from "./Failure.ts"

const topicResource = 2 as const
/** As many copies as the brokers do by themselves. */
const byDefault = -1

const reasonOf = (error: unknown): AdminError["reason"] => {
  const ids = Failure.protocolErrors(error)
  const cause = Failure.deepest(error)
  const message = Failure.messageOf(error)
  const code = typeof cause === "object" && cause !== null ? Failure.fieldOf(cause, "code") : undefined
  if (/suitable SASL mechanism/.test(message) || ids.has("UNSUPPORTED_SASL_MECHANISM")) return "Mechanism"
  if (code === "PLT_KFK_AUTHENTICATION" || ids.has("SASL_AUTHENTICATION_FAILED")) return "Credentials"
  if (isCertificateCode(code)) return "Certificate"
  if (/requires TLS/.test(message)) return "Protocol"
  if ([...ids].some((id) => id.endsWith("_AUTHORIZATION_FAILED"))) return "Forbidden"
  if (ids.has("UNKNOWN_TOPIC_OR_PARTITION")) return "Away"
  return [...ids].some((id) => id.startsWith("INVALID_") || id === "POLICY_VIOLATION") || Failure.isDenied(error)
    ? "Refused"
    : "Away"
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, AdminError> =>
  Effect.tryPromise({
    try: run,
    catch: (error) => new AdminError({ reason: reasonOf(error), detail: Failure.messageOf(error) })
  })

export const make = (settings: KafkaSettings): Effect.Effect<KafkaAdmin, never, Scope.Scope> =>
  Effect.map(
    Connection.scoped(
      () => new Admin({ ...Connection.options(settings), retries: 0, connectTimeout: 5_000 }),
      (admin) => admin.close()
    ),
    (admin) => ({
      check: Effect.asVoid(attempt(() => admin.metadata({ topics: [], forceUpdate: true }))),
      topics: Effect.map(
        attempt(() => admin.listTopics()),
        (topics) => new Set(topics)
      ),
      create: ({ configs: settings, name, partitions, replication }) =>
        attempt(async () => {
          try {
            const configs = Object.entries(settings).map(([name, value]) => ({ name, value }))
            await admin.createTopics({ topics: [name], partitions, replicas: replication ?? byDefault, configs })
          } catch (error) {
            if (!Failure.protocolErrors(error).has("TOPIC_ALREADY_EXISTS")) throw error
          }
        }),
      describe: (topics) =>
        attempt(async () => {
          const resources = topics.map((resourceName) => ({
            resourceType: topicResource,
            resourceName,
            configurationKeys: [...TopicState.configs]
          }))
          const found = await admin.describeConfigs({ resources })
          const metadata = await admin.metadata({ topics: [...topics], forceUpdate: true })
          return new Map(
            found.map(({ configs, resourceName }) => {
              const copies = metadata.topics.get(resourceName)?.partitions.map(({ replicas }) => replicas.length) ?? []
              const values = new Map(configs.map(({ name, value }) => [name, value]))
              return [resourceName, TopicState.make(values, copies)] as const
            })
          )
        })
    })
  )
