/**
 * The embedded event log's tables, and a pool of connections of their own: an append must not wait behind a batch of
 * people (guides postgres 9).
 */
import type * as PgClient from "@effect/sql-pg/PgClient"
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Migrations from "@tributary/runtime-node/postgres/Migrations"
import * as Migration from "@tributary/runtime-node/postgres/migrations/Migration"
import * as Pool from "@tributary/runtime-node/postgres/Pool"
import type { TlsError } from "@tributary/runtime-node/postgres/Tls"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Reactivity from "effect/reactivity/Reactivity"

export interface LogDatabaseOptions {
  readonly url: Redacted.Redacted
  /** One appends; the others are shared by all who read and commit. Fewer than 2 count as 2. */
  readonly connections: number
}

export class LogDatabase extends Context.Service<LogDatabase, PgClient.PgClient>()("@tributary/embedded/LogDatabase") {
  /** The pool, with the tables made or brought up to date. */
  static readonly layer = (
    options: LogDatabaseOptions
  ): Layer.Layer<LogDatabase, StoreError | Migrations.SchemaTooNew | TlsError> =>
    Layer.provide(
      Layer.effect(
        LogDatabase,
        Effect.tap(pool(options), (sql) => Migrations.run("log", sql, migrations))
      ),
      Reactivity.layer
    )

  /** The pool alone, for tools that look after a log that is there and must not make one. */
  static readonly layerAsItIs = (options: LogDatabaseOptions): Layer.Layer<LogDatabase, TlsError> =>
    Layer.provide(Layer.effect(LogDatabase, pool(options)), Reactivity.layer)
}

const pool = ({ connections, url }: LogDatabaseOptions) =>
  Pool.make({
    url,
    setting: "DATABASE_URL",
    maxConnections: Math.max(2, connections),
    applicationName: "tributary log",
    startupParameters: Pool.lookupsOnly
  })

/** `next`: offset of the next message. Held until the commit, so offsets have no gaps and come in the order of commits. */
const head = `
CREATE TABLE tributary_log_head (
  topic    text,
  part     integer,
  next     bigint NOT NULL DEFAULT 0,
  topic_id text   NOT NULL DEFAULT gen_random_uuid(),
  PRIMARY KEY (topic, part)
) WITH (fillfactor = 50)`

/** Bytes throughout: text and jsonb refuse U+0000. Headers: see LogHeaders.ts. */
const message = `
CREATE TABLE tributary_log_msg (
  topic   text,
  part    integer,
  off     bigint,
  key     bytea,
  value   bytea       NOT NULL,
  headers bytea,
  at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, part, off)
)`

/** `off`: the next message that the group will read. */
const offset = `
CREATE TABLE tributary_log_offset (
  grp   text,
  topic text,
  part  integer,
  off   bigint NOT NULL,
  PRIMARY KEY (grp, topic, part)
) WITH (fillfactor = 50)`

const migrations = { "0001_log": Migration.statements([head, message, offset]) }
