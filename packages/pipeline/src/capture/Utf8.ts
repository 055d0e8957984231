/**
 * UTF-8 as clients send it: strict, save that surrogate pairs coded half by half (CESU-8, posthog-js up to 1.268 in base64
 * mode) become the character, and lone halves U+FFFD (spec capture 2.2).
 */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decodeStrict = (bytes: Uint8Array): string | undefined => {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** The ten bits of the surrogate half that is coded in the three bytes at `i`, without its kind; undefined where there is none. */
const half = (bytes: Uint8Array, i: number, kind: "high" | "low"): number | undefined => {
  const second = bytes[i + 1]
  const third = bytes[i + 2]
  if (bytes[i] !== 0xed || second === undefined || third === undefined || (third & 0xc0) !== 0x80) return undefined
  const lead = second & 0xf0
  if (lead !== (kind === "high" ? 0xa0 : 0xb0)) return undefined
  return ((second & 0x0f) << 6) | (third & 0x3f)
}

const joinHalves = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length)
  let at = 0
  for (let i = 0; i < bytes.length; ) {
    const high = half(bytes, i, "high")
    const low = high === undefined ? half(bytes, i, "low") : half(bytes, i + 3, "low")
    if (high !== undefined && low !== undefined) {
      const point = 0x10000 + (high << 10) + low
      out[at++] = 0xf0 | (point >> 18)
      out[at++] = 0x80 | ((point >> 12) & 0x3f)
      out[at++] = 0x80 | ((point >> 6) & 0x3f)
      out[at++] = 0x80 | (point & 0x3f)
      i += 6
    } else if (high !== undefined || low !== undefined) {
      out[at++] = 0xef
      out[at++] = 0xbf
      out[at++] = 0xbd
      i += 3
    } else {
      out[at++] = bytes[i]!
      i += 1
    }
  }
  return out.subarray(0, at)
}

/** The text of the bytes; undefined when they are no UTF-8. A byte-order mark is kept. */
export const decode = (bytes: Buffer): string | undefined => {
  const text = bytes.toString("utf8")
  // The lenient decoder is the fast one, and leaves U+FFFD wherever it had to mend something.
  if (!text.includes("\uFFFD")) return text
  return decodeStrict(bytes) ?? decodeStrict(joinHalves(bytes))
}
