/** An event log that also tells how far its one consumer is, so that the bench sees when a lane is empty, whatever the log. */
import { EventLog, type Polled } from "@tributary/pipeline/service/EventLog"
import * as Effect from "effect/Effect"
import * as LogRange from "../LogRange.ts"

export interface Standing {
  /** Messages committed so far. */
  readonly committed: number
  /** Partitions held now. */
  readonly partitions: number
}

export interface CommittedLog {
  readonly log: EventLog["Service"]
  readonly standing: () => Standing
}

export const make = (log: EventLog["Service"]): CommittedLog => {
  const next = new Map<string, bigint>()
  let committed = 0
  const keyOf = ({ partition, topic }: { readonly topic: string; readonly partition: number }) =>
    `${topic}:${partition}`

  const hear = (polled: Polled): void => {
    if (polled._tag === "Records") return
    for (const place of polled.partitions) next.delete(keyOf(place))
    if (polled._tag === "Revoked") return
    for (const assignment of polled.partitions) next.set(keyOf(assignment), LogRange.startOf(assignment))
  }

  return {
    log: EventLog.of({
      subscribe: (options) =>
        Effect.map(
          Effect.tap(
            log.subscribe(options),
            Effect.sync(() => next.clear())
          ),
          (subscription) => ({
            poll: Effect.tap(subscription.poll, (polled) => Effect.sync(() => hear(polled))),
            commit: (positions) =>
              Effect.tap(subscription.commit(positions), () =>
                Effect.sync(() => {
                  for (const position of positions) {
                    const from = next.get(keyOf(position)) ?? position.offset
                    if (position.offset <= from) continue
                    committed += Number(position.offset - from)
                    next.set(keyOf(position), position.offset)
                  }
                })
              )
          })
        )
    }),
    standing: () => ({ committed, partitions: next.size })
  }
}
