/** Whether the brokers let us in, before anything is built on them: one clear line where they never will. */
import * as Health from "@tributary/pipeline/service/Health"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AdminError, KafkaClient } from "./KafkaClient.ts"
import type { KafkaSettings } from "./Settings.ts"

/** What ends a start. `message` is one line that names the setting to change; it never shows a secret. */
export class KafkaStartError extends Schema.TaggedError<KafkaStartError>()("KafkaStartError", {
  message: Schema.String
}) {}

/** The line for an error that no waiting mends. */
const explain = (settings: KafkaSettings, { detail, reason }: AdminError): string => {
  const hosts = `KAFKA_HOSTS=${settings.hosts.join(",")}`
  switch (reason) {
    case "Credentials":
      return `KAFKA_SASL_USER=${settings.sasl?.user}, KAFKA_SASL_PASSWORD: Kafka knows no such user and password`
    case "Mechanism":
      return `KAFKA_SASL_MECHANISM=${settings.sasl?.mechanism}: the brokers do not offer it: ${detail}`
    case "Protocol":
      return `KAFKA_SECURITY_PROTOCOL: ${hosts} ${settings.tls === undefined ? "wants TLS" : "does not speak TLS"}: ${detail}`
    case "Certificate":
      return `KAFKA_TRUSTED_CERT_B64: the certificate of ${hosts} cannot be verified: ${detail}`
    case "Forbidden":
      return `${hosts}: ${settings.sasl === undefined ? "clients that do not log in" : `user ${settings.sasl.user}`} may not do this: ${detail}`
    default:
      return `${hosts}: Kafka refuses: ${detail}`
  }
}

/** Tries again while the brokers are away. */
export const whileAway = <A>(
  settings: KafkaSettings,
  effect: Effect.Effect<A, AdminError>
): Effect.Effect<A, KafkaStartError, Health.Health> =>
  effect.pipe(
    Health.retryWhileAway<AdminError>(
      "the log",
      ({ reason }) => reason === "Away",
      ({ detail }) => `${settings.hosts.join(",")}: ${detail}`
    ),
    Effect.mapError((error) => new KafkaStartError({ message: explain(settings, error) }))
  )

export const run = Effect.fnUntraced(function* (
  settings: KafkaSettings,
  { admin, compressions }: Pick<KafkaClient, "admin" | "compressions">
): Effect.fn.Return<void, KafkaStartError, Health.Health> {
  const there = yield* compressions
  if (!there.has(settings.compression)) {
    // The first message would tell, when capture has taken it.
    return yield* new KafkaStartError({
      message:
        `KAFKA_COMPRESSION=${settings.compression}: KAFKA_CLIENT=${settings.client} has ${[...there].join(", ")}; ` +
        "for others install @platformatic/kafka beside it"
    })
  }
  yield* Effect.scoped(Effect.flatMap(admin(settings), ({ check }) => whileAway(settings, check)))
})
