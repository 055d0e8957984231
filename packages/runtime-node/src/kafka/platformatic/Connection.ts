/** `@platformatic/kafka` as our settings have it: how its clients reach the brokers, and how they are closed. */
import { subscribe } from "node:diagnostics_channel"
import { EventEmitter } from "node:events"
import type { BaseOptions } from "@platformatic/kafka"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { KafkaSettings, Sasl, Tls } from "../Settings.ts"

type Secured = Pick<BaseOptions, "tls" | "sasl">

/** Options of any client; the client changes them, so each gets its own. */
export const options = (settings: KafkaSettings) => {
  listenToErrors()
  return {
    clientId: settings.clientId,
    bootstrapBrokers: [...settings.hosts],
    ...(settings.rack === undefined ? {} : { clientRack: settings.rack }),
    ...secured(settings)
  } satisfies BaseOptions
}

const secured = ({ sasl, tls }: KafkaSettings): Secured => ({
  ...(tls === undefined ? {} : { tls: tlsOf(tls) }),
  ...(sasl === undefined ? {} : { sasl: saslOf(sasl) })
})

const tlsOf = ({ client, trusted, verify }: Tls): NonNullable<BaseOptions["tls"]> => ({
  rejectUnauthorized: verify,
  ...(trusted === undefined ? {} : { ca: trusted }),
  ...(client === undefined ? {} : { cert: client.certificate, key: Redacted.value(client.key) })
})

const saslOf = ({ mechanism, password, user }: Sasl): NonNullable<BaseOptions["sasl"]> => ({
  mechanism,
  username: user,
  password: Redacted.value(password)
})

let listens = false

/**
 * A connection that is reset while it logs in tells of it twice, and the second time nobody listens: that would end the
 * process (guides kafka-producer 7).
 */
const listenToErrors = (): void => {
  if (listens) return
  listens = true
  subscribe("plt:kafka:instances", (made) => {
    if (!Predicate.hasProperty(made, "type") || made.type !== "connection") return
    if (Predicate.hasProperty(made, "instance") && made.instance instanceof EventEmitter) {
      made.instance.on("error", () => {})
    }
  })
}

interface Client {
  readonly on: (event: "error", listener: (error: Error) => void) => unknown
}

/** With a broker that hangs a client would never come back from closing. */
const closeWithin = "3 seconds"

/** A client that is closed at the end of the scope, or given up. */
export const scoped = <A extends Client>(
  make: () => A,
  close: (client: A) => Promise<void>
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const client = make()
      client.on("error", () => {})
      return client
    }),
    (client) =>
      Effect.promise(() => close(client).catch(() => {})).pipe(Effect.interruptible, Effect.timeoutOption(closeWithin))
  )
