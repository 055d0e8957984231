/** Writes an answer with what every answer carries: the headers of CORS, and the end of the connection while draining. */
import type { IncomingMessage, ServerResponse } from "node:http"

export interface Answer {
  readonly status: number
  readonly body: string
  /** Default: JSON. */
  readonly contentType?: string
  /** Seconds. */
  readonly retryAfter?: number
  /** For 405. */
  readonly allow?: string
}

export const notFound: Answer = { status: 404, body: "" }

export const json = (status: number, value: unknown): Answer => ({ status, body: JSON.stringify(value) })

/** Always there, as answers differ by these (spec capture 1.7). */
const vary = "origin, access-control-request-method, access-control-request-headers"

/**
 * Writes the answer. The caller's origin is echoed and credentials are allowed: with a star, browsers hide the answer
 * from posthog-js up to 1.131, which then sends its events again and again (clients 9).
 */
export const write = (request: IncomingMessage, response: ServerResponse, answer: Answer): void => {
  const { body, status } = answer
  const headers: Array<string | number> = ["Vary", vary]
  if (body !== "") headers.push("Content-Type", answer.contentType ?? "application/json")
  const length = Buffer.byteLength(body)
  if (status !== 204) headers.push("Content-Length", length)
  const { origin } = request.headers
  if (origin !== undefined) {
    headers.push("Access-Control-Allow-Origin", origin, "Access-Control-Allow-Credentials", "true")
  }
  if (answer.retryAfter !== undefined) headers.push("Retry-After", answer.retryAfter)
  if (answer.allow !== undefined) headers.push("Allow", answer.allow)
  response.writeHead(status, headers)
  // Nearly all answers are ASCII, and Latin-1 is written faster.
  response.end(body, length === body.length ? "latin1" : "utf8")
}

/** Answers any OPTIONS request: 200 without a body, and whatever was asked for is allowed (spec capture 1.7). */
export const writePreflight = (request: IncomingMessage, response: ServerResponse): void => {
  const asked = request.headers["access-control-request-headers"]
  const { origin } = request.headers
  const headers = ["Vary", vary, "Content-Length", "0", "Access-Control-Allow-Methods", "GET,POST,OPTIONS"]
  if (origin !== undefined) {
    headers.push("Access-Control-Allow-Origin", origin, "Access-Control-Allow-Credentials", "true")
  }
  if (asked !== undefined) headers.push("Access-Control-Allow-Headers", asked)
  response.writeHead(200, headers)
  response.end()
}
