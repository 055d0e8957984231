/**
 * Headers as the log's table holds them: a JSON list of pairs, in which bytes that are no text stand as `{ "base64": … }`;
 * null for an empty list. Every list comes back as it was.
 */
import type { Headers } from "@tributary/pipeline/service/LogMessage"

type Stored = ReadonlyArray<readonly [name: string, value: string | null | { readonly base64: string }]>

export const encode = (headers: Headers): string | null => {
  if (headers.length === 0) return null
  for (const [, value] of headers) {
    if (value instanceof Uint8Array) return JSON.stringify(withBase64(headers))
  }
  return JSON.stringify(headers)
}

const withBase64 = (headers: Headers): Stored =>
  headers.map(([name, value]) => [
    name,
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value
  ])

export const decode = (bytes: Uint8Array | null): Headers => {
  if (bytes === null) return []
  const stored: Stored = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
  return stored.some(isBinary) ? stored.map(fromBase64) : (stored as Headers)
}

const isBinary = ([, value]: Stored[number]): boolean => typeof value === "object" && value !== null

const fromBase64 = ([name, value]: Stored[number]): Headers[number] => [
  name,
  typeof value === "object" && value !== null ? new Uint8Array(Buffer.from(value.base64, "base64")) : value
]
