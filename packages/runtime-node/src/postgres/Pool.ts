/**
 * A pool of connections to one database.
 *
 * No connection is opened before the first statement, so a server that is away at the start is not fatal: the statements
 * fail, and their callers wait. A lost connection is replaced at the next statement.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as JsonTypes from "./JsonTypes.ts"
import * as Tls from "./Tls.ts"

export interface PoolOptions {
  readonly url: Redacted.Redacted
  /** Where the URL is from, for lines about it. */
  readonly setting: "DATABASE_URL" | "PERSONS_DATABASE_URL"
  readonly maxConnections: number
  /** As the server's list of sessions shows it. */
  readonly applicationName: string
  readonly startupParameters: Readonly<Record<string, string>>
}

/** Bounds on what a session may hold up (guides postgres 4). */
export const bounds = {
  default_transaction_isolation: "read committed",
  lock_timeout: "10s",
  idle_in_transaction_session_timeout: "30s",
  statement_timeout: "60s"
}

/**
 * For sessions whose statements are index look-ups: one that was planned while the tables were empty would scan them from
 * then on, until an ANALYZE comes by (guides postgres 3).
 */
export const lookupsOnly = { ...bounds, enable_seqscan: "off", enable_hashjoin: "off", enable_mergejoin: "off" }

export const make = ({
  setting,
  ...options
}: PoolOptions): Effect.Effect<PgClient.PgClient, Tls.TlsError, Reactivity.Reactivity | Scope.Scope> =>
  Effect.gen(function* () {
    const { ssl, url } = yield* Tls.connectionOf(options.url, setting)
    // Only the first connection can fail, and that is opened later.
    return yield* Effect.orDie(
      PgClient.make({
        ...options,
        url,
        ssl,
        types: JsonTypes.make(),
        connectTimeout: "5 seconds",
        keepAlive: "30 seconds"
      })
    )
  })
