/** What every layer of `Outbound` promises. */
import { assert, layer } from "@effect/vitest"
import { Outbound, type OutboundRequest, type OutboundResponse } from "@tributary/pipeline/service/Outbound"
import { Context, Effect, type Layer } from "effect"

/** The other side. */
export class Receiver extends Context.Service<
  Receiver,
  {
    readonly url: string
    /** What it got since it was last asked. */
    readonly received: Effect.Effect<
      ReadonlyArray<Pick<OutboundRequest, "method" | "body"> & { readonly path: string }>
    >
    /** How it answers from now on. */
    readonly answers: (response: OutboundResponse) => Effect.Effect<void>
  }
>()("@tributary/test/Receiver") {}

export const outboundContract = <E>(name: string, implementation: Layer.Layer<Outbound | Receiver, E>) =>
  layer(implementation, { excludeTestServices: true })(`Outbound: ${name}`, (it) => {
    const post = (path: string) =>
      Effect.gen(function* () {
        const { url } = yield* Receiver
        const outbound = yield* Outbound
        return yield* outbound.send({
          url: `${url}${path}`,
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: '{"a":"ü"}'
        })
      })

    it.effect("a request arrives as it was, and its answer comes back whatever the status", () =>
      Effect.gen(function* () {
        const receiver = yield* Receiver
        for (const status of [200, 302, 404, 503]) {
          const answer: OutboundResponse = { status, body: "grüß dich", retryAfter: "7" }
          yield* receiver.answers(answer)
          assert.deepStrictEqual(yield* post(`/hook/${status}`), answer)
          assert.deepStrictEqual(yield* receiver.received, [
            { method: "POST", path: `/hook/${status}`, body: '{"a":"ü"}' }
          ])
        }
      })
    )

    it.effect("requests at the same time do not wait for each other", () =>
      Effect.gen(function* () {
        const receiver = yield* Receiver
        yield* receiver.answers({ status: 200, body: "", retryAfter: undefined })
        yield* Effect.all([post("/a"), post("/b"), post("/c")], { concurrency: 3 })
        const paths = (yield* receiver.received).map(({ path }) => path)
        assert.deepStrictEqual(paths.toSorted(), ["/a", "/b", "/c"])
      })
    )
  })
