/** Ports on 127.0.0.1 for servers of our own. */
import { randomInt } from "node:crypto"
import { createServer } from "node:net"
import * as Effect from "effect/Effect"
import { StartError, systemReason } from "../StartError.ts"

/**
 * Ports that are given away: below those that systems hand to outgoing connections. Such a connection could take the port
 * of a server that is just being started again, one to the port itself even out of nothing, by meeting itself.
 */
const free = { from: 20_000, below: 32_000 }

/** Fails unless the port can be listened on; `setting` is what the operator would change. */
export const check = (port: number, setting: string): Effect.Effect<void, StartError> =>
  Effect.flatMap(probe(port), (cause) => {
    if (cause === undefined) return Effect.void
    const message =
      "code" in cause && cause.code === "EADDRINUSE"
        ? inUse(port, setting)
        : `Port ${port} cannot be used: ${systemReason(cause)}. ${another(setting)}`
    return Effect.fail(new StartError({ message }))
  })

/** The first of `count` ports in a row that nobody listens on, at this moment. */
export const takeRow = (count: number): Effect.Effect<number, StartError> =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 100; tries++) {
      const port = randomInt(free.from, free.below)
      const row = Array.from({ length: count }, (_, index) => probe(port + index))
      if ((yield* Effect.all(row)).every((cause) => cause === undefined)) return port
    }
    return yield* new StartError({ message: "No port could be found that is free on 127.0.0.1." })
  })

/** One that nobody listens on, at this moment. */
export const take: Effect.Effect<number, StartError> = takeRow(1)

export const inUse = (port: number, setting: string): string =>
  `Port ${port} is in use by another program. ${another(setting)}`

const another = (setting: string): string => `Set ${setting} to another one.`

/** Why the port cannot be listened on; undefined when it can. */
const probe = (port: number): Effect.Effect<Error | undefined> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", (cause) => resume(Effect.succeed(cause)))
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resume(Effect.undefined)))
  })
