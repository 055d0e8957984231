/** kafkajs as our settings have it: how it reaches the brokers, and what of its own ways is turned off. */
import { createRequire } from "node:module"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs"
import type { KafkaSettings, Sasl, Tls } from "../Settings.ts"

export interface Limits {
  readonly connectMs: number
  readonly requestMs: number
  readonly retries: number
}

/**
 * A client. Consumers of one client and one group would share what they know of commits: each consumer needs a client of its
 * own. kafkajs' log is off, because every failure in it comes back to us as an error.
 */
export const make = (settings: KafkaSettings, limits: Limits): Kafka => {
  calmQueues()
  return new Kafka({
    clientId: settings.clientId,
    brokers: [...settings.hosts],
    ...(settings.tls === undefined ? {} : { ssl: ssl(settings.tls) }),
    ...(settings.sasl === undefined ? {} : { sasl: sasl(settings.sasl) }),
    connectionTimeout: limits.connectMs,
    requestTimeout: limits.requestMs,
    // All of them: kafkajs has other defaults where NODE_ENV is "test".
    retry: { retries: limits.retries, initialRetryTime: 300, maxRetryTime: 5_000, factor: 0.2, multiplier: 2 },
    logLevel: logLevel.NOTHING
  })
}

const ssl = ({ client, trusted, verify }: Tls): NonNullable<KafkaConfig["ssl"]> => ({
  rejectUnauthorized: verify,
  ...(trusted === undefined ? {} : { ca: trusted }),
  ...(client === undefined ? {} : { cert: client.certificate, key: Redacted.value(client.key) })
})

const sasl = ({ mechanism, password, user }: Sasl): SASLOptions => {
  const who = { username: user, password: Redacted.value(password) }
  switch (mechanism) {
    case "PLAIN":
      return { mechanism: "plain", ...who }
    case "SCRAM-SHA-256":
      return { mechanism: "scram-sha-256", ...who }
    case "SCRAM-SHA-512":
      return { mechanism: "scram-sha-512", ...who }
  }
}

const closeWithin = "5 seconds"

/** Disconnects at the end of the scope. With a broker that hangs kafkajs would never come back from that. */
export const scoped = <A extends { readonly disconnect: () => Promise<void> }>(
  make: () => A
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(make), (made) =>
    Effect.timeoutOption(Effect.interruptible(Effect.promise(() => made.disconnect().catch(() => {}))), closeWithin)
  )

/** Does something once for all who ask, again after a failure. */
export const once = (run: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<void> | undefined
  return () => {
    running ??= run().catch((error: unknown) => {
      running = undefined
      throw error
    })
    return running
  }
}

interface RequestQueue {
  readonly pending: ReadonlyArray<unknown>
  readonly throttledUntil: number
  scheduleCheckPendingRequests: () => void
}

let isCalm = false

/**
 * kafkajs looks at each connection's waiting requests every millisecond, also while there are none, and by a timer in the
 * past, of which Node warns: 2 % of a core per idle connection (guides kafka-producer 7). Here it looks when there is
 * something to look at. It has had no release since 2023, and its version is pinned.
 */
const calmQueues = (): void => {
  if (isCalm) return
  isCalm = true
  const queue: { readonly prototype: RequestQueue } = createRequire(import.meta.url)("kafkajs/src/network/requestQueue")
  const schedule = queue.prototype.scheduleCheckPendingRequests
  queue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this)
  }
}
