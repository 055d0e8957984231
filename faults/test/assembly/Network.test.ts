import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Port from "@tributary/embedded/process/Port"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Network from "../../src/assembly/Network.ts"

/** A server that says everything back, reached over a network. */
const echo = Effect.gen(function* () {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket))
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => server.close())
  )
  const port = yield* Port.take
  const network = yield* Network.listen(port, (server.address() as AddressInfo).port)
  const open = Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect(port, "127.0.0.1")
      await once(socket, "connect")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  return { port, network, open }
})

const say = (socket: Socket, word: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const heard = once(socket, "data")
    socket.write(word)
    return String((await heard)[0])
  })

const hasEnded = (socket: Socket): Effect.Effect<unknown> =>
  Effect.promise(() => new Promise((resolve) => socket.on("error", () => {}).once("close", resolve)))

describe("Network", () => {
  it.effect("carries both ways while the weather is fair or slow", () =>
    Effect.gen(function* () {
      const { network, open } = yield* echo
      const socket = yield* open
      assert.strictEqual(yield* say(socket, "hello"), "hello")
      const slow = yield* Effect.forkChild(network.suffer({ _tag: "slow", ms: 5 }, 1_000), { startImmediately: true })
      assert.strictEqual(yield* say(socket, "again"), "again")
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(slow)
    })
  )

  it.effect("holds back in silence, and delivers when it is over", () =>
    Effect.gen(function* () {
      const { network, open } = yield* echo
      const socket = yield* open
      const silence = yield* Effect.forkChild(network.suffer({ _tag: "silent" }, 1_000), { startImmediately: true })
      const heard = yield* Effect.forkChild(say(socket, "hello"), { startImmediately: true })
      const other = yield* Effect.forkChild(Effect.flatMap(open, (socket) => say(socket, "me too")))
      assert.isUndefined(heard.pollUnsafe())
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(silence)
      assert.strictEqual(yield* Fiber.join(heard), "hello")
      assert.strictEqual(yield* Fiber.join(other), "me too")
    })
  )

  it.effect("cuts connections that are open, and new ones until it is over", () =>
    Effect.gen(function* () {
      const { network, open, port } = yield* echo
      const before = yield* open
      assert.strictEqual(yield* say(before, "hello"), "hello")
      const end = yield* Effect.forkChild(hasEnded(before), { startImmediately: true })
      const storm = yield* Effect.forkChild(network.suffer({ _tag: "cut" }, 1_000), { startImmediately: true })
      yield* Fiber.join(end)
      yield* hasEnded(connect(port, "127.0.0.1"))
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(storm)
      assert.strictEqual(yield* say(yield* open, "hello"), "hello")
    })
  )
})
