/** Deliveries in memory. A test may look at the rows. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DeliveryStore, type FinalState, keyOf, type Leased, maskKey } from "../DeliveryStore.ts"
import * as Masks from "../Masks.ts"

export interface Row extends Omit<Leased, "leaseEnd"> {
  readonly dueAt: number
  readonly finished: { readonly state: FinalState; readonly at: number } | undefined
}

interface Counter {
  readonly count: number
  readonly expiresAt: number
}

/** Over the rows given, by `keyOf`. */
export const layer = (rows: Map<string, Row> = new Map()): Layer.Layer<DeliveryStore> =>
  Layer.sync(DeliveryStore, () => {
    const counters = new Map<string, Counter>()
    return DeliveryStore.of({
      enqueue: (deliveries) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const { outcomes, raised } = Masks.plan(
            deliveries,
            (delivery) => rows.has(keyOf(delivery)),
            (key) => {
              const counter = counters.get(key)
              return counter === undefined || counter.expiresAt <= now ? 0 : counter.count
            }
          )
          for (const { count, function: id, hash, ttlSeconds } of raised) {
            const key = maskKey(id, hash)
            const expiresAt = ttlSeconds === undefined ? counters.get(key)?.expiresAt : now + ttlSeconds * 1000
            counters.set(key, { count, expiresAt: expiresAt ?? now })
          }
          deliveries.forEach(({ mask: _, ...delivery }, index) => {
            if (outcomes[index] !== "enqueued") return
            rows.set(keyOf(delivery), { ...delivery, attempts: 0, dueAt: now, finished: undefined })
          })
          return outcomes
        }),
      claim: ({ except, leaseMs, limit }) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const due = [...rows.values()]
            .filter((row) => row.finished === undefined && row.dueAt <= now && !except.includes(row.function))
            .sort((a, b) => a.dueAt - b.dueAt)
            .slice(0, limit)
          return due.map((row) => {
            const { dueAt: _, finished: __, ...delivery } = row
            rows.set(keyOf(row), { ...row, dueAt: now + leaseMs })
            return { ...delivery, leaseEnd: now + leaseMs }
          })
        }),
      settle: (settlements) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          for (const settlement of settlements) {
            const key = keyOf(settlement)
            const row = rows.get(key)
            if (row === undefined || row.finished !== undefined || row.dueAt !== settlement.leaseEnd) continue
            const { attempts, result } = settlement
            rows.set(
              key,
              result._tag === "Again"
                ? { ...row, attempts, dueAt: result.dueAt }
                : { ...row, attempts, message: "", finished: { state: result.state, at: now } }
            )
          }
        }),
      forget: (finishedBeforeMs) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          for (const [key, { finished }] of rows) {
            if (finished !== undefined && finished.at < finishedBeforeMs) rows.delete(key)
          }
          for (const [key, { expiresAt }] of counters) if (expiresAt <= now) counters.delete(key)
        })
    })
  })
