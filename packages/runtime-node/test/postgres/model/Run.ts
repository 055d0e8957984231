/**
 * Runs a log through the store under test: several workers that crash, pause and take each other's partitions, a program
 * that deletes people, a sweeper, and somebody who kills connections. It ends when everything is applied.
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import type { Event, ProcessedEvent } from "@tributary/domain/event/Event"
import type { Outcome } from "@tributary/domain/event/Outcome"
import * as Position from "@tributary/domain/event/Position"
import * as Fold from "@tributary/domain/person/Fold"
import type { Folded, Snapshot, Work } from "@tributary/domain/person/Snapshot"
import { type OutboxRow, PersonStore } from "@tributary/pipeline/service/PersonStore"
import { Effect, Option } from "effect"
import { PersonsDatabase } from "../../../src/postgres/Database.ts"
import { deletePersons } from "../../../src/postgres/DeletePersons.ts"
import { type Chance, groupTypes, type Log } from "./Log.ts"

export const consumer = "events-ingestion-consumer"

/** A committed batch, told by a message of its own transaction. Its place among the others is the id of that message. */
export interface BatchRecord {
  readonly batch: string
  readonly partition: number
  readonly from: number
  readonly to: number
  /** Per event: applied now for the first time. */
  readonly fresh: ReadonlyArray<boolean>
  /** Per event: its outcome is of the state as locked, not of an instant. */
  readonly exact: ReadonlyArray<boolean>
  readonly outcomes: ReadonlyArray<string>
}

export interface History {
  readonly log: Log
  /** Everything that reached ClickHouse's topics, repetitions included. */
  readonly published: ReadonlyArray<OutboxRow>
  /** By the id of the first tombstone. */
  readonly deletions: ReadonlyMap<bigint, ReadonlyArray<string>>
  readonly crashes: number
}

export const historyTopic = "history"

/** JSON with sorted keys: `jsonb` does not keep their order. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner
  )

export const digest = (outcome: Outcome<ProcessedEvent>): string =>
  outcome._tag === "Continue"
    ? canonical({ person: outcome.value.person, properties: outcome.value.properties })
    : canonical(outcome)

export const slice = (log: Log, { from, partition, to }: Pick<BatchRecord, "partition" | "from" | "to">) => {
  const events = log.partitions[partition]!.slice(from, to)
  const work: Work = Fold.work({
    group: consumer,
    progress: events.map((event) => event.at),
    events,
    groupTypes,
    settings: log.settings
  })
  return { events, work, fold: Fold.fold({ events, groupTypes, settings: log.settings }) }
}

/**
 * Of what was applied before, an absent name is seen as of an instant, and with it all that is folded after it on the copy.
 * Personless events look without locks.
 */
const exactness = (snapshot: Snapshot, events: ReadonlyArray<Event>): ReadonlyArray<boolean> => {
  const isKnown = (team: number, distinctId: string) => snapshot.person(team, distinctId) !== undefined
  let isCopyExact = true
  return events.map(({ at, distinctId, partner, personProcessing, project }) => {
    if (personProcessing !== "on") return false
    if (!snapshot.applied(at)) return true
    isCopyExact &&=
      isKnown(project.id, distinctId) && (partner === undefined || isKnown(project.id, partner.distinctId))
    return isCopyExact
  })
}

/** The domain's fold, which also tells of itself. */
const recorded =
  (log: Log, range: Pick<BatchRecord, "partition" | "from" | "to">) =>
  (snapshot: Snapshot): Folded<ReadonlyArray<string>> => {
    const { events, fold } = slice(log, range)
    const folded = fold(snapshot)
    const outcomes = folded.result.outcomes.map(digest)
    const record: BatchRecord = {
      ...range,
      batch: crypto.randomUUID(),
      fresh: events.map((event) => !snapshot.applied(event.at)),
      exact: exactness(snapshot, events),
      outcomes
    }
    return {
      changes: folded.changes,
      result: outcomes,
      messages: (moved) => [
        ...folded.messages(moved),
        { topic: historyTopic, key: null, value: JSON.stringify(record) }
      ]
    }
  }

export interface RunOptions {
  readonly log: Log
  readonly random: Chance
  readonly workers: number
  /** Connections of its own, which nobody kills. */
  readonly safe: PgClient
}

export const run = Effect.fnUntraced(function* ({ log, random, safe, workers }: RunOptions) {
  const store = yield* PersonStore
  const committed = log.partitions.map(() => 0)
  const published: Array<OutboxRow> = []
  const deletions = new Map<bigint, ReadonlyArray<string>>()
  /** Whatever is delivered again, and whatever the state is by then: dead letters stay dead, the others never become any. */
  const tags = new Map<string, string>()
  let crashes = 0
  const isDone = () => committed.every((offset, partition) => offset >= log.partitions[partition]!.length)
  const pause = (ms: number) => Effect.suspend(() => Effect.sleep(random.int(ms) + 1))

  const handle = Effect.fnUntraced(function* (partition: number) {
    const from = committed[partition]!
    const range = { partition, from, to: Math.min(log.partitions[partition]!.length, from + 1 + random.int(12)) }
    // Whoever owned the partition before may still have a batch in hand.
    if (random.happens(0.2)) yield* pause(30)
    const batch = store.transact(slice(log, range).work, recorded(log, range))
    const answer = yield* random.happens(0.08) ? Effect.timeoutOption(batch, random.int(12)) : Effect.asSome(batch)
    if (Option.isNone(answer) || random.happens(0.08)) return void crashes++
    const { outbox, result } = answer.value
    result.forEach((outcome, i) => {
      const key = Position.key(log.partitions[partition]![from + i]!.at)
      const tag = outcome.startsWith('{"_tag":"DeadLetter"') ? outcome : "Continue"
      const before = tags.get(key) ?? tag
      if (before !== tag) throw new Error(`the message at ${key} was ${before} and is ${tag} now`)
      tags.set(key, tag)
    })
    published.push(...outbox)
    if (random.happens(0.08)) return void crashes++
    yield* store.published(outbox.map((row) => row.id))
    if (random.happens(0.08)) return void crashes++
    committed[partition] = Math.max(committed[partition]!, range.to)
  })

  const untilDone = (step: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      while (!isDone()) yield* Effect.ignore(step)
    })

  const work = untilDone(
    Effect.suspend(() => {
      const partition = random.int(log.partitions.length)
      return committed[partition]! < log.partitions[partition]!.length ? handle(partition) : Effect.yieldNow
    })
  )
  const remove = Effect.gen(function* () {
    yield* pause(20)
    const rows = yield* safe<{ uuid: string }>`
      SELECT uuid FROM posthog_person WHERE team_id = ${log.team} ORDER BY random() LIMIT ${1 + random.int(2)}`
    const uuids = rows.map((row) => row.uuid)
    const { outbox } = yield* Effect.provideService(deletePersons(log.team, uuids), PersonsDatabase, safe)
    if (outbox[0] !== undefined) deletions.set(outbox[0].id, uuids)
  })
  const sweep = (isFragile: boolean) =>
    store.sweep(0, (rows) =>
      Effect.suspend(() => {
        published.push(...rows)
        return isFragile && random.happens(0.2) ? Effect.fail("the log answered too late") : Effect.succeed([])
      })
    )
  // Few: a machine that is slow to connect must get something done in between.
  let kills = 10
  const kill = Effect.andThen(
    pause(60),
    Effect.suspend(() =>
      kills-- > 0
        ? Effect.asVoid(safe`SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'tributary' ORDER BY random() LIMIT 1) AS victim`)
        : Effect.void
    )
  )

  yield* Effect.all(
    [
      ...Array.from({ length: workers }, () => work),
      untilDone(remove),
      untilDone(Effect.andThen(pause(25), sweep(true))),
      untilDone(kill)
    ],
    { concurrency: "unbounded", discard: true }
  )
  yield* Effect.retry(sweep(false), { times: 20 })
  return { log, published, deletions, crashes } satisfies History
})
