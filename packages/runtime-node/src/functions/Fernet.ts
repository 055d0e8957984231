/**
 * Fernet: how secrets of functions are encrypted (spec cdp 1.2). AES-128-CBC under an HMAC-SHA-256, as URL-safe base64.
 *
 * Keys come from `ENCRYPTION_SALT_KEYS`, a comma list: the first one encrypts, any of them decrypts, so that keys can be
 * changed. A key is 32 bytes, written as a text of 32 characters (as PostHog does) or as their base64 (as Fernet does).
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

interface Key {
  readonly signing: Buffer
  readonly encryption: Buffer
}

/** Keys of which the first is in use. May be empty: then nothing can be encrypted or decrypted. */
export type Keys = Redacted.Redacted<ReadonlyArray<Key>>

const keyBytes = 32
const version = 0x80
/** Version, time, initialisation vector; then the ciphertext, then the signature. */
const headBytes = 1 + 8 + 16
const signatureBytes = 32

const parseKey = (text: string): Key | undefined => {
  const plain = Buffer.from(text, "utf8")
  const bytes = plain.length === keyBytes ? plain : Buffer.from(text, "base64")
  if (bytes.length !== keyBytes) return undefined
  return { signing: bytes.subarray(0, 16), encryption: bytes.subarray(16) }
}

/** Reads the setting; the failure does not quote it. */
export const parseKeys = (setting: Redacted.Redacted): Result.Result<Keys, string> => {
  const texts = Redacted.value(setting)
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "")
  const keys: Array<Key> = []
  for (const [index, text] of texts.entries()) {
    const key = parseKey(text)
    if (key === undefined) return Result.fail(`key ${index + 1} is neither 32 characters nor the base64 of 32 bytes`)
    keys.push(key)
  }
  return Result.succeed(Redacted.make(keys))
}

export const noKeys: Keys = Redacted.make([])

const sign = ({ signing }: Key, data: Uint8Array): Buffer => createHmac("sha256", signing).update(data).digest()

/** A token of the text; undefined without a key. `nowMs`: milliseconds since the epoch. */
export const encrypt = (keys: Keys, text: string, nowMs: number): string | undefined => {
  const [key] = Redacted.value(keys)
  if (key === undefined) return undefined
  const head = Buffer.alloc(headBytes)
  head.writeUInt8(version, 0)
  head.writeBigUInt64BE(BigInt(Math.floor(nowMs / 1000)), 1)
  const vector = randomBytes(16)
  vector.copy(head, 9)
  const cipher = createCipheriv("aes-128-cbc", key.encryption, vector)
  const signed = Buffer.concat([head, cipher.update(text, "utf8"), cipher.final()])
  const token = Buffer.concat([signed, sign(key, signed)]).toString("base64url")
  // Fernet pads; Node's URL-safe base64 does not.
  return token.padEnd(Math.ceil(token.length / 4) * 4, "=")
}

/** The text of a token; undefined where none of the keys fits or the token is none. Age does not matter. */
export const decrypt = (keys: Keys, token: string): string | undefined => {
  const bytes = Buffer.from(token, "base64url")
  if (bytes.length < headBytes + 16 + signatureBytes || bytes[0] !== version) return undefined
  const signed = bytes.subarray(0, -signatureBytes)
  const signature = bytes.subarray(-signatureBytes)
  const key = Redacted.value(keys).find((candidate) => timingSafeEqual(sign(candidate, signed), signature))
  if (key === undefined || (signed.length - headBytes) % 16 !== 0) return undefined
  const decipher = createDecipheriv("aes-128-cbc", key.encryption, signed.subarray(9, headBytes))
  return Buffer.concat([decipher.update(signed.subarray(headBytes)), decipher.final()]).toString("utf8")
}
