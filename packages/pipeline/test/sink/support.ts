/** A log of one topic, and sinks that can be stopped at any of their steps, for tests of what a crash leaves behind. */
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import { EventLog, type Polled } from "@tributary/pipeline/service/EventLog"
import { Health } from "@tributary/pipeline/service/Health"
import type { Headers, LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as ClickHouseSinkMemory from "@tributary/pipeline/service/memory/ClickHouseSinkMemory"
import * as ProgressMemory from "@tributary/pipeline/service/memory/ProgressMemory"
import { Progress } from "@tributary/pipeline/service/Progress"
import * as Sink from "@tributary/pipeline/sink/Sink"
import { type Target, targets } from "@tributary/pipeline/sink/Tables"
import { Deferred, Effect, Layer } from "effect"

export const targetOf = (table: string): Target => {
  const found = targets.find((target) => target.table === table)
  if (found === undefined) throw new Error(`no topic fills ${table}`)
  return found
}

const encoder = new TextEncoder()

/** The time of records: later than any time to live reaches, so that tables keep what is made of them. */
export const recordTime = Date.UTC(2100, 0, 1)

export const record = (
  topic: string,
  partition: number,
  offset: number,
  value: string | Uint8Array | null,
  more: { readonly headers?: Headers; readonly key?: Uint8Array; readonly timestamp?: number } = {}
): LogRecord => ({
  topic,
  partition,
  offset: BigInt(offset),
  key: more.key ?? null,
  value: typeof value === "string" ? encoder.encode(value) : value,
  headers: more.headers ?? [],
  timestamp: more.timestamp ?? recordTime
})

/** What outlives a process. */
export interface World {
  readonly target: Target
  readonly topic: { id: string | undefined; readonly partitions: Array<Array<LogRecord>> }
  readonly committed: Map<number, bigint>
  readonly progress: ProgressMemory.ProgressTables
  readonly clickhouse: ClickHouseSinkMemory.ClickHouseTables
}

export const makeWorld = (table: string, partitions: ReadonlyArray<ReadonlyArray<string | null>>): World => {
  const target = targetOf(table)
  return {
    target,
    topic: {
      id: "topic-1",
      partitions: partitions.map((values, partition) =>
        values.map((value, offset) => record(target.topic, partition, offset, value))
      )
    },
    committed: new Map(),
    progress: ProgressMemory.makeTables(),
    clickhouse: ClickHouseSinkMemory.makeTables()
  }
}

export interface Life {
  /** Sizes of the polls, over and over. */
  readonly cuts: ReadonlyArray<number>
  /** Runs when a step has taken effect (whether it failed or not) and its caller does not know yet; steps count from 1. */
  readonly after?: (step: number) => Effect.Effect<void>
}

const group = (world: World) => `clickhouse-${world.target.topic}`

/** The log, of which each life reads every partition from its committed offset. `drained` is done at its end. */
const log = (world: World, life: Life, drained: Deferred.Deferred<void>, step: Step) =>
  Layer.succeed(
    EventLog,
    EventLog.of({
      subscribe: () =>
        Effect.sync(() => {
          const { topic } = world.target
          const at = world.topic.partitions.map((_, partition) => Number(world.committed.get(partition) ?? 0n))
          let turn = -1
          const next = (): Polled | undefined => {
            if (turn++ < 0) {
              const partitions = world.topic.partitions.map((records, partition) => ({
                topic,
                partition,
                topicId: world.topic.id,
                begin: 0n,
                end: Effect.sync(() => BigInt(records.length)),
                committed: world.committed.get(partition)
              }))
              return { _tag: "Assigned", partitions }
            }
            const size = life.cuts[turn % life.cuts.length] ?? 1
            // Every other poll begins with another partition, and a poll may hold several.
            const records: Array<LogRecord> = []
            for (let i = 0; i < at.length && records.length < size; i++) {
              const partition = (turn + i) % at.length
              const from = at[partition] ?? 0
              const taken = world.topic.partitions[partition]?.slice(from, from + size - records.length) ?? []
              at[partition] = from + taken.length
              records.push(...taken)
            }
            return records.length === 0 ? undefined : { _tag: "Records", records }
          }
          return {
            poll: Effect.suspend(() => {
              const polled = next()
              return polled === undefined
                ? Effect.andThen(Deferred.succeed(drained, undefined), Effect.never)
                : step(Effect.succeed(polled))
            }),
            commit: (positions) =>
              step(
                Effect.sync(() => {
                  for (const { partition, offset } of positions) {
                    if (offset > (world.committed.get(partition) ?? 0n)) world.committed.set(partition, offset)
                  }
                })
              )
          }
        })
    })
  )

type Step = <A, E, R>(operation: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Runs a sink until it has read everything, or until one of its steps dies. */
export const live = (world: World, life: Life, sink = ClickHouseSinkMemory.layer(world.clickhouse)) =>
  Effect.gen(function* () {
    const drained = yield* Deferred.make<void>()
    let steps = 0
    const step: Step = (operation) =>
      Effect.suspend(() => {
        const at = ++steps
        return Effect.exit(operation).pipe(
          Effect.tap(() => life.after?.(at) ?? Effect.void),
          Effect.flatten
        )
      }).pipe(Effect.tapDefect(() => Deferred.succeed(drained, undefined)))

    const insert = Layer.effect(
      ClickHouseSink,
      ClickHouseSink.use((real) => Effect.succeed({ insert: (request) => step(real.insert(request)) }))
    ).pipe(Layer.provide(sink))
    const progress = Layer.effect(
      Progress,
      Progress.use((real) => Effect.succeed({ ...real, begin: (range) => step(real.begin(range)) }))
    ).pipe(Layer.provide(ProgressMemory.layer(world.progress)))

    yield* Sink.run({ topicPrefix: "", groupPrefix: "clickhouse-", targets: [world.target] }).pipe(
      Effect.andThen(Deferred.await(drained)),
      Effect.scoped,
      Effect.provide(Layer.mergeAll(log(world, life, drained, step), insert, progress, Health.layer))
    )
    return steps
  })

export const progressRow = (world: World, partition: number) =>
  world.progress.rows.get(ProgressMemory.partitionKey(group(world), world.target.topic, partition))
