/** A TCP proxy before PostgreSQL that can lose what passes, for tests of lost connections and lost answers. */

import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Effect, Redacted } from "effect"

export interface LossyProxy {
  /** The same database, through the proxy. */
  readonly url: Redacted.Redacted
  /** Cuts all connections; new ones are refused until `open`. */
  readonly close: Effect.Effect<void>
  readonly open: Effect.Effect<void>
  /** From now on nothing passes, and no connection ends: as when the server's machine stands still. */
  readonly freeze: Effect.Effect<void>
  /** From now on: when a client's bytes contain the text, they are passed on, and the answer is lost with the connection. */
  readonly loseAnswerTo: (text: string) => Effect.Effect<void>
}

export const make = (target: Redacted.Redacted) =>
  Effect.gen(function* () {
    const url = new URL(Redacted.value(target))
    const pairs = new Set<readonly [Socket, Socket]>()
    let isOpen = true
    let isFrozen = false
    let fatal: string | undefined
    const cut = (pair: readonly [Socket, Socket]) => {
      pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    const server = createServer((client) => {
      if (!isOpen) return void client.destroy()
      const upstream = connect(Number(url.port), url.hostname)
      const pair = [client, upstream] as const
      pairs.add(pair)
      let isDeaf = false
      client.on("data", (chunk) => {
        if (isFrozen) return
        if (fatal !== undefined && chunk.includes(fatal)) isDeaf = true
        upstream.write(chunk)
      })
      upstream.on("data", (chunk) => {
        if (isFrozen) return
        if (isDeaf) cut(pair)
        else client.write(chunk)
      })
      for (const socket of pair) socket.on("error", () => cut(pair)).on("close", () => cut(pair))
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          for (const pair of pairs) cut(pair)
          server.close(() => resume(Effect.void))
        })
    )
    const through = new URL(url)
    through.hostname = "127.0.0.1"
    through.port = String((server.address() as AddressInfo).port)
    return {
      url: Redacted.make(through.href),
      close: Effect.sync(() => {
        isOpen = false
        for (const pair of pairs) cut(pair)
      }),
      open: Effect.sync(() => {
        isOpen = true
      }),
      freeze: Effect.sync(() => {
        isFrozen = true
      }),
      loseAnswerTo: (text) =>
        Effect.sync(() => {
          fatal = text
        })
    } satisfies LossyProxy
  })
