/** A connection on which a test writes what it likes, and waits for what comes back. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"

export interface Connection {
  readonly write: (text: string | Uint8Array) => void
  /** Waits until all that has come matches, and answers with it. */
  readonly until: (pattern: RegExp) => Effect.Effect<string>
  /** Waits until the other side has closed, and answers with all that has come. */
  readonly closed: Effect.Effect<string>
  /** Breaks off. */
  readonly destroy: () => void
}

export const connect = (port: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Net.Socket>((resume) => {
        const socket = Net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket): Connection => {
      let text = ""
      let isClosed = false
      let look = (): void => {}
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1")
        look()
      })
      socket.on("error", () => {})
      socket.on("close", () => {
        isClosed = true
        look()
      })
      const when = (ready: () => boolean): Effect.Effect<string> =>
        Effect.callback<string>((resume) => {
          look = () => {
            if (ready()) resume(Effect.succeed(text))
            else if (isClosed) resume(Effect.die(new Error(`closed after: ${text}`)))
          }
          look()
        })
      return {
        write: (data) => void socket.write(data),
        until: (pattern) => when(() => pattern.test(text)),
        closed: when(() => isClosed),
        destroy: () => socket.destroy()
      }
    }
  )

/** An HTTP/1.1 request as text. */
export const post = (path: string, body: string, headers: ReadonlyArray<string> = []): string =>
  [`POST ${path} HTTP/1.1`, "Host: x", `Content-Length: ${Buffer.byteLength(body)}`, ...headers, "", body].join("\r\n")
