/** A request as an SDK sends it: one event to `/i/v0/e`, several to `/batch`, with or without gzip (spec capture 2). */
import { gzipSync } from "node:zlib"
import type { LoadEvent } from "./LoadEvent.ts"

export interface Request {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer>
}

export interface Wrapping {
  readonly token: string
  /** When the events happened: of every attempt alike, as the row's place depends on it. */
  readonly timestamp: string
  readonly compress: boolean
}

/** Of at least one event. */
export const of = (events: ReadonlyArray<LoadEvent>, { compress, timestamp, token }: Wrapping): Request => {
  const written = events.map(({ distinctId, event, properties, uuid }) => ({
    uuid,
    event,
    distinct_id: distinctId,
    properties,
    timestamp
  }))
  const isSingle = written.length === 1
  const text = JSON.stringify(isSingle ? { api_key: token, ...written[0] } : { api_key: token, batch: written })
  return {
    path: isSingle ? "/i/v0/e/" : "/batch/",
    headers: { "content-type": "application/json", ...(compress ? { "content-encoding": "gzip" } : {}) },
    body: compress ? new Uint8Array(gzipSync(text)) : text
  }
}
