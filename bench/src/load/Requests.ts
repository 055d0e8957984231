/** Requests as SDKs send them, ready to be written: single events to `/i/v0/e`, gzipped batches to `/batch`. */
import { gzipSync } from "node:zlib"
import { type ClientEvent, token } from "../Events.ts"
import * as Mix from "../worker/Mix.ts"

export interface Requests {
  /** Number from which events are made; no two calls may share one. */
  readonly run: number
  readonly count: number
  /** 1 = single events, plain; more = gzipped batches of so many. */
  readonly eventsPerRequest: number
}

const request = (path: string, body: Buffer, headers: string): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n`
    ),
    body
  ])

/** What the requests carry: events of people who may be known, at a time just before this call. */
const events = ({ count, eventsPerRequest, run }: Requests, now: number) =>
  Mix.events({ mix: "known", run, count: count * eventsPerRequest, at: now - 500, unmerged: 0 })

/** `count` requests. Times are those of this call. */
export const make = (wanted: Requests): ReadonlyArray<Buffer> => {
  const now = Date.now()
  const requests: Array<Buffer> = []
  let batch: Array<ClientEvent> = []
  for (const event of events(wanted, now)) {
    if (wanted.eventsPerRequest === 1) {
      requests.push(request("/i/v0/e", Buffer.from(JSON.stringify({ token, ...event })), ""))
      continue
    }
    batch.push(event)
    if (batch.length < wanted.eventsPerRequest) continue
    const body = { api_key: token, batch, sent_at: new Date(now).toISOString() }
    requests.push(request("/batch", gzipSync(JSON.stringify(body), { level: 6 }), "Content-Encoding: gzip\r\n"))
    batch = []
  }
  return requests
}
