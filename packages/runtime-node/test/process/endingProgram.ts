/**
 * A program that is asked to end with work in hand: it `finishes` in time, is `abandoned`, or `hangs` and cannot be interrupted; with
 * a `request` that is not answered; or with a `send` that is not acknowledged.
 */
import { request } from "node:http"
import { Health } from "@tributary/pipeline/service/Health"
import * as InHand from "@tributary/pipeline/service/InHand"
import * as Loop from "@tributary/pipeline/service/Loop"
import { Effect, Layer } from "effect"
import { Door } from "../../src/http/Door.ts"
import * as Lanes from "../../src/kafka/Lanes.ts"
import * as Program from "../../src/process/Program.ts"

const begun = Effect.sync(() => console.log("begun"))

const loops = (work: (loop: Loop.Loop) => Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    for (let count = 0; count < 3; count++) {
      yield* Loop.run("100 millis", (loop) => Effect.asVoid(InHand.during("batch")(work(loop))))
    }
    yield* begun
    return yield* Effect.never
  }).pipe(Loop.together)

const unanswered = Effect.gen(function* () {
  const { open, port } = yield* Door
  yield* open(() => Effect.runSync(begun))
  yield* Effect.sync(() =>
    request({ host: "127.0.0.1", port })
      .on("error", () => {})
      .end()
  )
  return yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.provide(
    Layer.provide(
      Door.layer({ host: "127.0.0.1", port: 0, headerReadTimeoutMs: undefined, drainMs: 100 }),
      Health.layer
    )
  )
)

const unacknowledged = Effect.gen(function* () {
  const client = {
    batchesPerSend: 1,
    partitions: () => Effect.succeed(1),
    send: () => Effect.andThen(begun, Effect.never)
  }
  const producer = yield* Lanes.make(client, { gatherMs: 0 })
  // As capture does it: nobody interrupts what a request is waiting for.
  yield* Effect.forkDetach(producer.send([{ topic: "t", key: null, value: "v", headers: [] }]))
  return yield* Effect.never
})

const programs = {
  finishes: loops((loop) => loop.orStop(Effect.never)),
  abandoned: loops(() => Effect.never),
  hangs: loops(() => Effect.uninterruptible(Effect.never)),
  request: unanswered,
  send: unacknowledged
}

export type Kind = keyof typeof programs

const isKind = (text: string): text is Kind => Object.hasOwn(programs, text)
const [, , kind = ""] = process.argv
// The producer waits for 5 s.
if (isKind(kind)) Program.run(programs[kind], { stopWithinMs: kind === "hangs" ? 500 : 30_000 })
