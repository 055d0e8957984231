/** Whether a broker answers: the first request of every client, ApiVersions 0, which needs no authentication. */
import { connect } from "node:net"
import * as Effect from "effect/Effect"

/** Length, API key 18, version 0, correlation 1, client id of 6 bytes. */
const request = Buffer.from("0000001000120000000000010006" + Buffer.from("launch").toString("hex"), "hex")

/** Asks once, and waits 5 s at most for the answer. */
export const answers = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 5_000 })
    const end = (answered: boolean) => {
      socket.destroy()
      resume(Effect.succeed(answered))
    }
    let read = Buffer.alloc(0)
    socket.once("connect", () => socket.write(request))
    socket.on("data", (chunk) => {
      read = Buffer.concat([read, chunk])
      // Length, correlation, error code.
      if (read.length >= 10) end(read.readInt32BE(4) === 1 && read.readInt16BE(8) === 0)
    })
    socket.once("timeout", () => end(false))
    socket.once("error", () => end(false))
    socket.once("close", () => end(false))
    return Effect.sync(() => socket.destroy())
  })
