/**
 * The ClickHouse engine in this process, on a folder of its own.
 *
 * One process holds a folder, and one folder a process. A session stays open as long as the layer lives; every statement
 * gets a session of its own beside it (0.1 ms), because a session runs one statement at a time and keeps what was `SET` on
 * it. When the layer is released, writes are awaited, reads are ended, and the engine is closed: the process must not exit
 * with a statement in flight (guides clickhouse 2).
 */
import { join, resolve } from "node:path"
import { codeOf } from "@tributary/runtime-node/clickhouse/Refusal"
import type { Tls } from "@tributary/runtime-node/kafka/Settings"
import { drainPending, type RawInsertParams, Session } from "chdb"
import { ChdbNodeEngine, type QueryAnalysis } from "chdb/durable/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { DataDir } from "../DataDir.ts"
import { StartError } from "../StartError.ts"
import * as Folder from "./Folder.ts"
import * as KafkaTls from "./KafkaTls.ts"

/** A statement failed. */
export class EngineError extends Schema.TaggedError<EngineError>()("EngineError", {
  /** ClickHouse's number, 0 where there is none. */
  code: Schema.Int,
  message: Schema.String
}) {}

export interface Options {
  readonly folder: string
  /** The database that the role `reader` may read; an identifier. */
  readonly database: string
  /** What the engine may use of memory before a query fails with 241; 1 GB by default. */
  readonly maxMemoryBytes?: number | undefined
  /** For Kafka tables that read over TLS. */
  readonly kafkaTls?: Tls | undefined
}

export interface Read {
  readonly sql: string
  /** Where the SQL names none. */
  readonly format: string
  /** Statements of the same session before it: `SET`, `USE`, `SET ROLE`. */
  readonly before?: ReadonlyArray<string> | undefined
}

export interface Answer {
  /** In the format asked for, complete. */
  readonly bytes: Uint8Array
  readonly rowsRead: number
  readonly bytesRead: number
  /** Of an insert: also rows that views wrote, and rows that a token dropped. */
  readonly rowsWritten: number
  readonly elapsedSeconds: number
}

export class Engine extends Context.Service<
  Engine,
  {
    readonly database: string
    /** Runs a query. Interrupting it ends the query in the engine. */
    readonly read: (read: Read) => Effect.Effect<Answer, EngineError>
    /** Runs a statement that changes something; not torn apart by an interruption. */
    readonly write: (sql: string) => Effect.Effect<void, EngineError>
    /** Inserts bytes as they are; not torn apart by an interruption. */
    readonly insert: (params: RawInsertParams) => Effect.Effect<Answer, EngineError>
    /** What kind of statements a text holds, by the engine's own parser. */
    readonly analyze: (sql: string) => Effect.Effect<QueryAnalysis, EngineError>
  }
>()("@tributary/embedded/Engine") {}

const toError = (cause: unknown): EngineError => {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new EngineError({ code: codeOf(message), message })
}

/** Marks the reads of this process, so that they can be found and ended from another session. */
const readMark = "tributary read "

const make = Effect.fnUntraced(function* (options: Options) {
  const folder = resolve(options.folder)
  const arguments_ = (configFile: string) => [
    `--config-file=${configFile}`,
    `--max_server_memory_usage=${options.maxMemoryBytes ?? 1_000_000_000}`,
    "--mark_cache_size=67108864",
    "--index_mark_cache_size=16777216",
    "--primary_index_cache_size=33554432",
    "--background_message_broker_schedule_pool_size=16",
    // A reader never leaves its group, so the next opening waits until its session has ended: 6 s, the least that brokers allow.
    // Under a lasting name (`group_instance_id`) it would not wait, and stop for good (docs/decisions/kafka-member-names.md).
    "--kafka.session_timeout_ms=6000",
    "--kafka.heartbeat_interval_ms=2000",
    ...(options.kafkaTls === undefined ? [] : KafkaTls.write(folder, options.kafkaTls))
  ]

  /** Statements that the engine still runs, also those that nobody waits for any more. */
  const running = new Set<Promise<unknown>>()
  const track = <A>(promise: Promise<A>): Promise<A> => {
    const settled = promise.then(
      () => {},
      () => {}
    )
    running.add(settled)
    void settled.then(() => running.delete(settled))
    return promise
  }

  const withSession = <A>(use: (session: Session) => Promise<A>): Promise<A> => {
    const session = new Session(folder)
    return track(use(session).finally(() => session.close()))
  }
  const attempt = <A>(use: (session: Session) => Promise<A>) =>
    Effect.tryPromise({ try: () => withSession(use), catch: toError })
  const endReads = (marked: string) =>
    attempt((session) => session.queryAsync(`KILL QUERY WHERE Settings['log_comment'] LIKE '${marked}' ASYNC`))

  yield* Effect.acquireRelease(
    Effect.try({
      try: () => {
        const pid = Folder.holder(folder)
        if (pid !== undefined) throw new Error(`DATA_DIR is in use by process ${pid}`)
        const configFile = Folder.prepare(folder, options.database)
        try {
          return new Session(folder, { connectionArgs: arguments_(configFile) })
        } catch {
          throw new Error("the ClickHouse data in DATA_DIR cannot be opened; the engine's reason is the line above")
        }
      },
      catch: (cause) => new StartError({ message: cause instanceof Error ? cause.message : String(cause) })
    }),
    (first) =>
      endReads(`${readMark}%`).pipe(
        Effect.ignore,
        Effect.andThen(Effect.promise(() => Promise.all(running))),
        Effect.andThen(Effect.sync(() => first.close())),
        Effect.andThen(Effect.promise(() => drainPending())),
        Effect.timeoutOption("15 seconds")
      )
  )

  const parser = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const engine = new ChdbNodeEngine()
        await engine.start({ dataPath: folder, backupsAllowedPath: folder })
        return engine
      },
      catch: (cause) => new StartError({ message: toError(cause).message })
    }),
    (engine) => Effect.promise(() => engine.close())
  )

  let reads = 0
  const read = ({ sql, format, before = [] }: Read) =>
    Effect.suspend(() => {
      const mark = `${readMark}${++reads}`
      let result: Promise<Answer> | undefined
      return Effect.tryPromise({
        try: () => {
          result = withSession(async (session) => {
            await session.queryAsync(`SET log_comment = '${mark}'`)
            for (const statement of before) await session.queryAsync(statement)
            const answer = await session.queryAsync(sql, { format })
            const { rowsRead, bytesRead, elapsed } = answer
            return { bytes: answer.bytes(), rowsRead, bytesRead, rowsWritten: 0, elapsedSeconds: elapsed }
          })
          return result
        },
        catch: toError
      }).pipe(
        // The first KILL may come before the query has begun, so it is repeated until the query is gone.
        Effect.onInterrupt(() => {
          const gone = Effect.promise(() =>
            (result ?? Promise.resolve()).then(
              () => {},
              () => {}
            )
          )
          return endReads(mark).pipe(
            Effect.ignore,
            Effect.andThen(Effect.sleep("50 millis")),
            Effect.forever,
            Effect.raceFirst(gone),
            Effect.timeoutOption("10 seconds")
          )
        })
      )
    })

  const detached = yield* read({
    sql: "SELECT database, table, name, reason FROM system.detached_parts",
    format: "TabSeparated"
  }).pipe(
    Effect.map(({ bytes }) => new TextDecoder().decode(bytes)),
    Effect.orElseSucceed(() => "")
  )
  for (const part of detached.split("\n")) {
    if (part === "") continue
    yield* Effect.logWarning(
      `ClickHouse has set a part of a table aside, its rows are missing: ${part.replaceAll("\t", " ")}`
    )
  }

  return Engine.of({
    database: options.database,
    read,
    write: (sql) => Effect.uninterruptible(Effect.asVoid(attempt((session) => session.queryAsync(sql)))),
    insert: (params) =>
      Effect.uninterruptible(
        Effect.map(
          attempt((session) => session.insert(params)),
          ({ elapsed, rowsWritten }) => ({
            ...{ bytes: new Uint8Array(), rowsRead: 0, bytesRead: 0 },
            ...{ rowsWritten, elapsedSeconds: elapsed }
          })
        )
      ),
    analyze: (sql) => Effect.tryPromise({ try: () => parser.analyze(sql, options.database), catch: toError })
  })
})

/** Opens the folder, which is made if it is not there. */
export const layer = (options: Options): Layer.Layer<Engine, StartError> => Layer.effect(Engine, make(options))

/** The same on the folder `clickhouse` in DATA_DIR. */
export const layerIn = (options: Omit<Options, "folder">): Layer.Layer<Engine, StartError, DataDir> =>
  Layer.unwrap(DataDir.use(({ path }) => Effect.succeed(layer({ ...options, folder: join(path, "clickhouse") }))))
