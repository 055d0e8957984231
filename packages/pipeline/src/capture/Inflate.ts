/**
 * Decompression with a limit that is held while inflating, so that a bomb costs no more than the limit. Synchronous: for the
 * bodies that clients send it takes a fraction of the processor time of a trip to zlib's threads.
 */
import * as Zlib from "node:zlib"

/** Why there is no result. `broken`: the bytes are not what they were taken for. */
export type Failure = "broken" | "too large"

export type Method = "gzip" | "zlib" | "deflate" | "br" | "zstd"

const hasCode = (cause: unknown, code: string): boolean =>
  typeof cause === "object" && cause !== null && "code" in cause && cause.code === code

/** The size that gzip's last four bytes claim, as a hint for the buffer: a wrong one costs time, nothing else. */
const claimedSize = (bytes: Buffer, maxBytes: number): number => {
  const claimed = bytes.length < 18 ? 0 : bytes.readUInt32LE(bytes.length - 4) + 1
  return Math.max(1024, Math.min(claimed, 1024 * 1024, maxBytes + 1))
}

/** The inflated bytes; `too large` as soon as there are more than `maxBytes`. */
export const inflate = (method: Method, bytes: Buffer, maxBytes: number): Buffer | Failure => {
  const options = { maxOutputLength: Math.max(1, maxBytes) }
  try {
    switch (method) {
      case "gzip":
        return Zlib.gunzipSync(bytes, { ...options, chunkSize: claimedSize(bytes, maxBytes) })
      case "zlib":
        return Zlib.inflateSync(bytes, options)
      case "deflate":
        return Zlib.inflateRawSync(bytes, options)
      case "br":
        return Zlib.brotliDecompressSync(bytes, options)
      case "zstd":
        return Zlib.zstdDecompressSync(bytes, options)
    }
  } catch (cause) {
    return hasCode(cause, "ERR_BUFFER_TOO_LARGE") ? "too large" : "broken"
  }
}

/** The method that the first bytes give away: gzip or zstd, whose magic numbers begin no JSON, form or base64. */
export const methodByMagic = (bytes: Buffer): "gzip" | "zstd" | undefined => {
  const first = bytes[0]
  if (first === 0x1f && bytes[1] === 0x8b) return "gzip"
  if (first === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) return "zstd"
  return undefined
}

/** The method that a `Content-Encoding` names, for those that no magic number gives away (spec capture 7.1). */
export const methodByLabel = (label: string, bytes: Buffer): "br" | "zlib" | "deflate" | undefined => {
  switch (label.trim().toLowerCase()) {
    case "br":
      return "br"
    case "deflate":
      return bytes[0] === 0x78 ? "zlib" : "deflate"
    default:
      return undefined
  }
}
