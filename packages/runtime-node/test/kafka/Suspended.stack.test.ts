/** A broker whose process stands still, as one does that swaps or whose disk hangs: connections stay, and nothing answers. */
import { assert, describe, it } from "@effect/vitest"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import * as Health from "@tributary/pipeline/service/Health"
import type { Producer } from "@tributary/pipeline/service/Producer"
import * as Client from "@tributary/runtime-node/kafka/Client"
import { Context, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import * as Folder from "../../../embedded/test/support/Folder.ts"
import { aMessage, records, send, subscribe, textOf, unique } from "../../../pipeline/test/contract/LogReader.ts"
import * as TestKafka from "./TestKafka.ts"

const numbered = (topic: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => aMessage(topic, { value: `${from + i}` }))

describe("a broker that hangs", () => {
  for (const client of ["platformatic", "kafkajs"] as const) {
    it.live(
      `is waited for with ${client}, in order, and holds up no end of a program`,
      () =>
        Effect.gen(function* () {
          const services = yield* Layer.build(EmbeddedKafka.layer({ dataDir: yield* Folder.make }))
          const { hosts, pid } = Context.get(services, EmbeddedKafka)
          const signal = (name: "SIGSTOP" | "SIGCONT") => Effect.map(pid, (process_) => process.kill(process_, name))
          yield* Effect.addFinalizer(() => signal("SIGCONT"))
          const layer = TestKafka.withTopics(
            Client.layer(TestKafka.settings(client, { hosts }), { gatherMs: 0 }).pipe(
              Layer.provide(Health.Health.layer)
            ),
            hosts
          )
          const scope = yield* Scope.make()
          const kafka = yield* Layer.buildWithScope(layer, scope)
          const topic = unique("topic")
          const subscription = yield* subscribe(unique("group"), [topic]).pipe(
            Effect.provide(kafka),
            Scope.provide(scope)
          )
          const inKafka = <A, E>(effect: Effect.Effect<A, E, Producer | EventLog>) => Effect.provide(effect, kafka)
          const reading = yield* Effect.forkChild(records(subscription, 15))
          yield* inKafka(send(numbered(topic, 0, 5)))

          yield* signal("SIGSTOP")
          const waiting = yield* Effect.forkChild(inKafka(send(numbered(topic, 5, 10))), { startImmediately: true })
          // Beyond the time limit of a request, so that the same is sent again.
          yield* Effect.sleep("12 seconds")
          yield* signal("SIGCONT")
          yield* Fiber.join(waiting)
          yield* inKafka(send(numbered(topic, 10, 15)))
          const first = new Set((yield* Fiber.join(reading)).map(({ value }) => Number(textOf(value))))
          // What was sent again may be there twice: then it is the first numbers that count.
          assert.deepStrictEqual(
            [...first],
            Array.from(first, (_, i) => i)
          )
          assert.isAtLeast(first.size, 10)

          yield* signal("SIGSTOP")
          const lost = yield* Effect.forkChild(Effect.exit(inKafka(send(numbered(topic, 15, 20)))), {
            startImmediately: true
          })
          const closed = yield* Effect.timeoutOption(Scope.close(scope, Exit.void), "20 seconds")
          assert.isTrue(Option.isSome(closed))
          assert.isTrue(Exit.isFailure(yield* Fiber.join(lost)))
        }),
      180_000
    )
  }
})
