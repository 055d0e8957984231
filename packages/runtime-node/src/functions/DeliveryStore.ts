/** Deliveries in `tributary_delivery`, masks in `tributary_mask` (spec cdp 1.5, 3). */

import type { PgClient } from "@effect/sql-pg/PgClient"
import {
  type ClaimOptions,
  DeliveryStore,
  keyOf,
  type Leased,
  maskKey,
  type NewDelivery,
  type Settlement
} from "@tributary/pipeline/service/DeliveryStore"
import * as Masks from "@tributary/pipeline/service/Masks"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ProjectsDatabase } from "../postgres/Database.ts"
import * as SqlFailure from "../postgres/SqlFailure.ts"

/**
 * Makes missing counters and locks all, in one order, so that batches wait for each other rather than deadlock. A counter
 * whose window is over counts from 0.
 */
const lockMasks = `
INSERT INTO tributary_mask AS m (function_id, hash, count, expires_at)
SELECT x.id, x.hash, 0, $3::timestamptz FROM unnest($1::uuid[], $2::text[]) AS x(id, hash) ORDER BY x.id, x.hash COLLATE "C"
ON CONFLICT (function_id, hash) DO UPDATE SET count = CASE WHEN m.expires_at <= $3::timestamptz THEN 0 ELSE m.count END
RETURNING m.function_id, m.hash, m.count::float8 AS count`

/** A statement of its own, after the locks: only then does it see what the batch before has committed. */
const selectExisting = `
SELECT d.event_uuid, d.function_id, d.mapping
FROM unnest($1::uuid[], $2::uuid[], $3::smallint[]) AS x(event, id, mapping)
JOIN tributary_delivery d ON d.event_uuid = x.event AND d.function_id = x.id AND d.mapping = x.mapping`

const raiseMasks = `
UPDATE tributary_mask m SET count = x.count, expires_at = CASE WHEN x.begins THEN x.expires_at ELSE m.expires_at END
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::boolean[], $5::timestamptz[]) AS x(id, hash, count, begins, expires_at)
WHERE m.function_id = x.id AND m.hash = x.hash`

const insertDeliveries = `
INSERT INTO tributary_delivery (event_uuid, function_id, mapping, team_id, message, due_at, created_at)
SELECT x.event, x.id, x.mapping, x.team, x.message, $6::timestamptz, $6::timestamptz
FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::int[], $5::text[]) AS x(event, id, mapping, team, message)
ORDER BY x.event, x.id, x.mapping
ON CONFLICT DO NOTHING RETURNING event_uuid, function_id, mapping`

/** The inner part is materialised: it must run once, whatever the plan. */
const claimDue = `
WITH due AS MATERIALIZED (
  SELECT event_uuid, function_id, mapping FROM tributary_delivery
  WHERE finished_at IS NULL AND due_at <= $1::timestamptz AND function_id <> ALL($2::uuid[])
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE tributary_delivery d SET due_at = $4::timestamptz FROM due
WHERE d.event_uuid = due.event_uuid AND d.function_id = due.function_id AND d.mapping = due.mapping
RETURNING d.event_uuid, d.function_id, d.mapping, d.team_id, d.message, d.attempts`

/** An empty state: not finished. */
const settle = `
UPDATE tributary_delivery d SET
  attempts = x.attempts,
  due_at = x.due_at,
  state = nullif(x.state, ''),
  finished_at = CASE WHEN x.state <> '' THEN $8::timestamptz END,
  message = CASE WHEN x.state = '' THEN d.message ELSE '' END
FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::timestamptz[], $5::smallint[], $6::timestamptz[], $7::text[])
  AS x(event, id, mapping, lease_end, attempts, due_at, state)
WHERE d.event_uuid = x.event AND d.function_id = x.id AND d.mapping = x.mapping
  AND d.due_at = x.lease_end AND d.finished_at IS NULL`

const forgetDeliveries = `DELETE FROM tributary_delivery WHERE (event_uuid, function_id, mapping) IN (
  SELECT event_uuid, function_id, mapping FROM tributary_delivery WHERE finished_at < $1::timestamptz LIMIT 5000)
RETURNING 1`
const forgetMasks = `DELETE FROM tributary_mask WHERE expires_at <= $1::timestamptz`

interface KeyRow {
  readonly event_uuid: string
  readonly function_id: string
  readonly mapping: number
}

const toKey = (row: KeyRow): string => keyOf({ event: row.event_uuid, function: row.function_id, mapping: row.mapping })

/** Of the messages of one statement; a slow link must not hold its locks for long. */
const maxSliceBytes = 8_000_000

/** Cuts a list so that the messages of a part are not too long together. */
const slices = (deliveries: ReadonlyArray<NewDelivery>): ReadonlyArray<ReadonlyArray<NewDelivery>> => {
  const parts: Array<Array<NewDelivery>> = []
  let bytes = Number.POSITIVE_INFINITY
  for (const delivery of deliveries) {
    bytes += delivery.message.length
    if (bytes > maxSliceBytes) {
      parts.push([])
      bytes = delivery.message.length
    }
    parts.at(-1)?.push(delivery)
  }
  return parts
}

/** UUIDs as PostgreSQL writes them, so that keys can be compared. */
const canonical = <D extends NewDelivery>(delivery: D): D => ({
  ...delivery,
  event: delivery.event.toLowerCase(),
  function: delivery.function.toLowerCase()
})

const make = (sql: PgClient): DeliveryStore["Service"] => {
  const lockedCounts = Effect.fnUntraced(function* (deliveries: ReadonlyArray<NewDelivery>, now: Date) {
    const masks = new Map<string, readonly [id: string, hash: string]>()
    for (const { function: id, mask } of deliveries)
      if (mask !== null) masks.set(maskKey(id, mask.hash), [id, mask.hash])
    if (masks.size === 0) return new Map<string, number>()
    const pairs = [...masks.values()]
    const rows = yield* sql.unsafe<{ function_id: string; hash: string; count: number }>(lockMasks, [
      pairs.map(([id]) => id),
      pairs.map(([, hash]) => hash),
      now
    ])
    return new Map(rows.map((row) => [maskKey(row.function_id, row.hash), row.count]))
  })

  const enqueue = Effect.fnUntraced(function* (deliveries: ReadonlyArray<NewDelivery>, now: Date) {
    const counts = yield* lockedCounts(deliveries, now)
    const keys = [
      deliveries.map(({ event }) => event),
      deliveries.map((delivery) => delivery.function),
      deliveries.map(({ mapping }) => mapping)
    ]
    const existing = new Set((yield* sql.unsafe<KeyRow>(selectExisting, keys)).map(toKey))
    const { outcomes, raised } = Masks.plan(
      deliveries,
      (delivery) => existing.has(keyOf(delivery)),
      (key) => counts.get(key) ?? 0
    )
    if (raised.length > 0) {
      yield* sql.unsafe(raiseMasks, [
        raised.map((counter) => counter.function),
        raised.map(({ hash }) => hash),
        raised.map(({ count }) => BigInt(count)),
        raised.map(({ ttlSeconds }) => ttlSeconds !== undefined),
        raised.map(({ ttlSeconds = 0 }) => new Date(now.getTime() + ttlSeconds * 1000))
      ])
    }
    const inserted = new Set<string>()
    for (const part of slices(deliveries.filter((_, index) => outcomes[index] === "enqueued"))) {
      const rows = yield* sql.unsafe<KeyRow>(insertDeliveries, [
        part.map(({ event }) => event),
        part.map((delivery) => delivery.function),
        part.map(({ mapping }) => mapping),
        part.map(({ team }) => team),
        part.map(({ message }) => message),
        now
      ])
      for (const row of rows) inserted.add(toKey(row))
    }
    // Another worker was faster with the same event.
    return outcomes.map((outcome, index) => {
      const delivery = deliveries[index]
      return outcome === "enqueued" && delivery !== undefined && !inserted.has(keyOf(delivery)) ? "duplicate" : outcome
    })
  })

  const claim = ({ except, leaseMs, limit }: ClaimOptions, now: number) => {
    const leaseEnd = now + leaseMs
    const rows = sql.unsafe<KeyRow & { team_id: number; message: string; attempts: number }>(claimDue, [
      new Date(now),
      except,
      limit,
      new Date(leaseEnd)
    ])
    return Effect.map(rows, (found) =>
      found.map(
        (row): Leased => ({
          event: row.event_uuid,
          function: row.function_id,
          mapping: row.mapping,
          team: row.team_id,
          message: row.message,
          attempts: row.attempts,
          leaseEnd
        })
      )
    )
  }

  const settleAll = (settlements: ReadonlyArray<Settlement>, now: number) =>
    sql.unsafe(settle, [
      settlements.map(({ event }) => event),
      settlements.map((settlement) => settlement.function),
      settlements.map(({ mapping }) => mapping),
      settlements.map(({ leaseEnd }) => new Date(leaseEnd)),
      settlements.map(({ attempts }) => attempts),
      settlements.map(({ leaseEnd, result }) => new Date(result._tag === "Again" ? result.dueAt : leaseEnd)),
      settlements.map(({ result }) => (result._tag === "Finished" ? result.state : "")),
      new Date(now)
    ])

  const forget = Effect.fnUntraced(function* (finishedBeforeMs: number, now: number) {
    while ((yield* sql.unsafe(forgetDeliveries, [new Date(finishedBeforeMs)])).length > 0) yield* Effect.yieldNow
    yield* sql.unsafe(forgetMasks, [new Date(now)])
  })

  const at = <A, E, R>(operation: string, use: (now: number) => Effect.Effect<A, E, R>) =>
    Effect.flatMap(Clock.currentTimeMillis, use).pipe(SqlFailure.orUnavailable("DeliveryStore", operation))

  return DeliveryStore.of({
    enqueue: (deliveries) =>
      deliveries.length === 0
        ? Effect.succeed([])
        : at("enqueue", (now) => sql.withTransaction(enqueue(deliveries.map(canonical), new Date(now)))),
    claim: (options) => at("claim", (now) => claim(options, now)),
    settle: (settlements) =>
      settlements.length === 0 ? Effect.void : Effect.asVoid(at("settle", (now) => settleAll(settlements, now))),
    forget: (finishedBeforeMs) => at("forget", (now) => forget(finishedBeforeMs, now))
  })
}

export const layer: Layer.Layer<DeliveryStore, never, ProjectsDatabase> = Layer.effect(
  DeliveryStore,
  Effect.map(ProjectsDatabase, make)
)
