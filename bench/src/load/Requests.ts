/** Requests as SDKs send them, ready to be written: single events to `/i/v0/e`, gzipped batches to `/batch`. */
import { gzipSync } from "node:zlib"
import { event, token } from "../Events.ts"

export interface Requests {
  /** Number from which events are made; no two calls may share one. */
  readonly run: number
  readonly count: number
  /** 1 = single events, plain; more = gzipped batches of so many. */
  readonly eventsPerRequest: number
}

/** How many people the events are of. */
const people = 20_000

const request = (path: string, body: Buffer, headers: string): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n`
    ),
    body
  ])

/** `count` requests. Times are those of this call. */
export const make = ({ count, eventsPerRequest, run }: Requests): ReadonlyArray<Buffer> => {
  const now = Date.now()
  const eventAt = (index: number) => {
    const person = (index * 7919) % people
    return event({ run, index, person, distinctId: `user-${person}`, at: now - 500 })
  }
  return Array.from({ length: count }, (_, i) => {
    if (eventsPerRequest === 1) {
      return request("/i/v0/e", Buffer.from(JSON.stringify({ token, ...eventAt(i) })), "")
    }
    const batch = Array.from({ length: eventsPerRequest }, (_, k) => eventAt(i * eventsPerRequest + k))
    const body = { api_key: token, batch, sent_at: new Date(now).toISOString() }
    return request("/batch", gzipSync(JSON.stringify(body), { level: 6 }), "Content-Encoding: gzip\r\n")
  })
}
