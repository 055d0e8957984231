/** UUIDs: recognised, read from clients, and made from names (v5, spec worker 2.2) or from time and chance (v7). */
import { sha1 } from "@noble/hashes/legacy.js"

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const simple = /^[0-9a-f]{32}$/i

/** 8-4-4-4-12 hex digits in any case; version and variant are not looked at (spec worker 1.2). */
export const isUuid = (text: string): boolean => text.length === 36 && canonical.test(text)

/**
 * A client's UUID in canonical form, lower case and hyphenated; undefined when it is none. Clients write it hyphenated,
 * simple (32 digits), in braces, or as `urn:uuid:…` (spec capture 2.4).
 */
export const parseClient = (text: string): string | undefined => {
  if (isUuid(text)) return text.toLowerCase()
  if (simple.test(text)) {
    const hex = text.toLowerCase()
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
  if (text.startsWith("{") && text.endsWith("}")) {
    const inner = text.slice(1, -1)
    return isUuid(inner) ? inner.toLowerCase() : undefined
  }
  if (/^urn:uuid:/i.test(text)) {
    const inner = text.slice(9)
    return isUuid(inner) ? inner.toLowerCase() : undefined
  }
  return undefined
}

const hexOf: ReadonlyArray<string> = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** The text of the first sixteen bytes. */
const format = (b: Uint8Array): string => {
  const at = (i: number): string => hexOf[b[i]!]!
  return `${at(0)}${at(1)}${at(2)}${at(3)}-${at(4)}${at(5)}-${at(6)}${at(7)}-${at(8)}${at(9)}-${at(10)}${at(11)}${at(12)}${at(13)}${at(14)}${at(15)}`
}

const stamp = (bytes: Uint8Array, version: number): Uint8Array => {
  bytes[6] = (bytes[6]! & 0x0f) | (version << 4)
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes
}

const bytesOf = (uuid: string): Uint8Array => {
  const hex = uuid.replaceAll("-", "")
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

const encoder = new TextEncoder()

// A hasher that is wound back costs a third of a new one, and a buffer at hand saves another microsecond: personless
// events need one uuid each. Nothing of it survives a call.
const fresh = sha1.create()
const hasher = sha1.create()
const digest = new Uint8Array(20)
const buffer = new Uint8Array(2048)

const v5Of = (namespace: Uint8Array, name: string): string => {
  // Three bytes a UTF-16 unit is the most that UTF-8 takes.
  const most = 16 + 3 * name.length
  const input = most <= buffer.length ? buffer : new Uint8Array(most)
  input.set(namespace)
  const { written } = encoder.encodeInto(name, input.subarray(16))
  fresh._cloneInto(hasher)
  hasher.update(input.subarray(0, 16 + written)).digestInto(digest)
  return format(stamp(digest, 5))
}

/** UUIDv5 of a name, as UTF-8, in a namespace (a canonical UUID). */
export const v5 = (namespace: string, name: string): string => v5Of(bytesOf(namespace), name)

const persons = bytesOf("932979b4-65c3-4424-8467-0b66ec27bc22")

/** `U(distinct id)`: the uuid of a person that is born with this distinct id (spec worker 2.2). */
export const personUuid = (team: number, distinctId: string): string => v5Of(persons, `${team}:${distinctId}`)

/** UUIDv7 from milliseconds since the epoch (earlier counts as the epoch) and ten random bytes, all of which are used. */
export const v7 = (ms: number, random: Uint8Array): string => {
  const bytes = new Uint8Array(16)
  let rest = Math.max(0, Math.floor(ms))
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  bytes.set(random.subarray(0, 10), 6)
  return format(stamp(bytes, 7))
}
