/**
 * The ends of all partitions as this process knows them, so that readers need not ask while nothing comes.
 *
 * Appends of this process raise them right after their commit; a look at the table every 250 ms finds what others appended.
 */
import * as Changes from "@tributary/pipeline/service/Changes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import { LogDatabase } from "./LogDatabase.ts"

/** A row of `tributary_log_head`. */
export interface Head {
  readonly topic: string
  readonly part: number
  /** Offset of the next message. */
  readonly next: bigint
}

/** `failure` is set while the table cannot be read. */
export interface Watch extends Changes.Changes {
  readonly failure: () => SqlError | undefined
}

export class LogHeads extends Context.Service<
  LogHeads,
  {
    /** Makes topics that are not there, with this log's number of partitions. Asks only for those it does not know. */
    readonly ensure: (topics: Iterable<string>) => Effect.Effect<void, SqlError>
    /** Offsets of the next messages by partition; undefined for a topic that was not ensured. */
    readonly ends: (topic: string) => ReadonlyArray<bigint> | undefined
    /** What an append moved; tells those who watch. */
    readonly raise: (heads: ReadonlyArray<Head>) => void
    /** Drops what is known, for when the table turns out to be another one. */
    readonly forget: () => void
    /** Counts how often one of these topics grew, until the scope closes. */
    readonly watch: (topics: ReadonlyArray<string>) => Effect.Effect<Watch, never, Scope.Scope>
  }
>()("@tributary/embedded/LogHeads") {
  /** Topics get so many partitions when they are made; those that are there keep theirs. */
  static readonly layer = (options: { readonly partitions: number }): Layer.Layer<LogHeads, never, LogDatabase> =>
    Layer.effect(LogHeads, make(options.partitions))
}

const createStatement = `
INSERT INTO tributary_log_head (topic, part)
SELECT t, p FROM unnest($1::text[]) AS t, generate_series(0, $2::int - 1) AS p
WHERE NOT EXISTS (SELECT FROM tributary_log_head h WHERE h.topic = t) ON CONFLICT DO NOTHING`

const readStatement = `SELECT topic, part, next FROM tributary_log_head ORDER BY topic, part`

const make = (partitions: number) =>
  Effect.gen(function* () {
    const sql = yield* LogDatabase
    const known = new Map<string, Array<bigint>>()
    const watching = new Set<{ readonly topics: ReadonlySet<string>; readonly changes: Changes.Changes }>()
    let failure: SqlError | undefined

    const raise = (heads: ReadonlyArray<Head>): void => {
      const grown = new Set<string>()
      for (const { next, part, topic } of heads) {
        const ends = known.get(topic) ?? []
        known.set(topic, ends)
        const before = ends[part]
        if (before !== undefined && before >= next) continue
        ends[part] = next
        grown.add(topic)
      }
      if (grown.size === 0) return
      for (const { changes, topics } of watching) {
        for (const topic of topics) {
          if (!grown.has(topic)) continue
          changes.happened()
          break
        }
      }
    }

    const setFailure = (error: SqlError | undefined): void => {
      if (failure === error) return
      failure = error
      for (const { changes } of watching) changes.happened()
    }

    const read = sql.unsafe<Head>(readStatement)

    yield* read.pipe(
      Effect.match({
        onFailure: setFailure,
        onSuccess: (heads) => {
          raise(heads)
          setFailure(undefined)
        }
      }),
      Effect.delay("250 millis"),
      Effect.forever,
      Effect.forkScoped
    )

    return LogHeads.of({
      ensure: (topics) =>
        Effect.suspend(() => {
          const missing = [...new Set(topics)].filter((topic) => !known.has(topic))
          if (missing.length === 0) return Effect.void
          return Effect.andThen(sql.unsafe(createStatement, [missing, partitions]), Effect.map(read, raise))
        }),
      ends: (topic) => known.get(topic),
      raise,
      forget: () => known.clear(),
      watch: (topics) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const entry = { topics: new Set(topics), changes: Changes.make() }
            watching.add(entry)
            return entry
          }),
          (entry) => Effect.sync(() => watching.delete(entry))
        ).pipe(Effect.map(({ changes }) => ({ ...changes, failure: () => failure })))
    })
  })
