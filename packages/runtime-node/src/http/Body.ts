/** Reads the body of a request with a limit to its size and to its pauses. */
import type { IncomingMessage } from "node:http"

export interface BodyLimits {
  /** `MAX_BODY`. */
  readonly maxBytes: number
  /** Without a byte for so long the client counts as stalled; undefined = never. */
  readonly stalledAfterMs: number | undefined
}

/** `gone`: the client went away before the end. */
export type Body = Buffer | "too large" | "stalled" | "gone"

const none = Buffer.alloc(0)

/**
 * Calls `done` once. After `too large` what still comes is thrown away, as much again as the limit, so that the client can read its
 * answer and use the connection on; then the connection is cut.
 */
export const readBody = (request: IncomingMessage, limits: BodyLimits, done: (body: Body) => void): void => {
  const chunks: Array<Buffer> = []
  let size = 0
  let isDone = false
  let timer: NodeJS.Timeout | undefined
  const finish = (body: Body): void => {
    if (isDone) return
    isDone = true
    clearTimeout(timer)
    done(body)
  }
  if (limits.stalledAfterMs !== undefined) timer = setTimeout(finish, limits.stalledAfterMs, "stalled")
  request.on("data", (chunk: Buffer) => {
    size += chunk.length
    timer?.refresh()
    if (size <= limits.maxBytes) chunks.push(chunk)
    else if (size > 2 * limits.maxBytes) request.destroy()
    else {
      chunks.length = 0
      finish("too large")
    }
  })
  request.on("end", () =>
    finish(chunks.length === 1 ? chunks[0]! : chunks.length === 0 ? none : Buffer.concat(chunks, size))
  )
  request.on("close", () => finish("gone"))
  if (request.destroyed) finish("gone")
  else if (Number(request.headers["content-length"] ?? 0) > limits.maxBytes) finish("too large")
}
