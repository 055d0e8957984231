/** Services that promise too much: for the planted bugs that are about the order of promises. */
import * as Effect from "effect/Effect"
import type { EventLog } from "../../service/EventLog.ts"
import type { Producer } from "../../service/Producer.ts"

/** A log whose consumers commit what they poll before they have looked at it. */
export const commits =
  (isPlanted: boolean) =>
  (log: EventLog["Service"]): EventLog["Service"] =>
    isPlanted
      ? {
          subscribe: (options) =>
            Effect.map(log.subscribe(options), ({ commit, poll }) => ({
              commit,
              poll: Effect.tap(poll, (polled) =>
                polled._tag === "Records"
                  ? commit(
                      polled.records.map(({ offset, partition, topic }) => ({ topic, partition, offset: offset + 1n }))
                    )
                  : Effect.void
              )
            }))
        }
      : log

/** A producer that answers while the messages are still on their way. */
export const acknowledges = (producer: Producer["Service"]): Producer["Service"] => ({
  send: (messages) => Effect.as(Effect.forkDetach(Effect.ignore(producer.send(messages))), [])
})
