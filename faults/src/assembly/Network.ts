/** A network between programs and a server: a TCP proxy on loopback that can be slow, silent or gone for a while. */
import { connect, createServer, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * What happens to bytes. `slow`: each piece arrives so many milliseconds later, and the next one after it. `silent`: nothing
 * arrives, and nobody is told; it arrives when that is over. `cut`: connections are reset, new ones too.
 */
export type Weather =
  | { readonly _tag: "fair" }
  | { readonly _tag: "slow"; readonly ms: number }
  | { readonly _tag: "silent" }
  | { readonly _tag: "cut" }

export interface Network {
  /** Has this weather for so many milliseconds. */
  readonly suffer: (weather: Weather, ms: number) => Effect.Effect<void>
}

const fair: Weather = { _tag: "fair" }

/** Listens on 127.0.0.1 and passes on to the server there. */
export const listen = (port: number, server: number): Effect.Effect<Network, never, Scope.Scope> =>
  Effect.gen(function* () {
    let weather: Weather = fair
    let over = Promise.withResolvers<void>()
    const sockets = new Set<Socket>()

    const carry = async (from: Socket, to: Socket): Promise<void> => {
      for await (const piece of from) {
        if (weather._tag === "slow") await new Promise((resolve) => setTimeout(resolve, slowness(weather)))
        while (weather._tag === "silent") await over.promise
        if (!to.write(piece)) await new Promise((resolve) => to.once("drain", resolve).once("close", resolve))
      }
      to.end()
    }
    const join = (one: Socket, other: Socket): void => {
      const pair = [one, other]
      const end = () => {
        for (const socket of pair) {
          sockets.delete(socket)
          socket.destroy()
        }
      }
      for (const socket of pair) {
        sockets.add(socket)
        socket.setNoDelay(true)
        socket.on("error", end)
        socket.on("close", end)
      }
      carry(one, other).catch(end)
      carry(other, one).catch(end)
    }
    const cut = () => {
      for (const socket of sockets) socket.resetAndDestroy()
    }
    const door = createServer({ allowHalfOpen: true }, (client) => {
      if (weather._tag === "cut") return client.resetAndDestroy()
      join(client, connect({ host: "127.0.0.1", port: server, allowHalfOpen: true }))
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void door.listen(port, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.sync(() => {
          door.close()
          cut()
        })
    )

    const turn = (next: Weather): void => {
      weather = next
      if (next._tag === "cut") cut()
      over.resolve()
      over = Promise.withResolvers<void>()
    }
    return {
      suffer: (next, ms) =>
        Effect.acquireUseRelease(
          Effect.sync(() => turn(next)),
          () => Effect.sleep(ms),
          () => Effect.sync(() => turn(fair))
        )
    }
  })

const slowness = (weather: Weather): number => (weather._tag === "slow" ? weather.ms : 0)
