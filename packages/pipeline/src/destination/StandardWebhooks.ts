/** Signatures of the Standard Webhooks convention (spec cdp 3.4): HMAC-SHA-256 over id, time and body. */
import { createHmac } from "node:crypto"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** Decoded; shorter keys are too easy to guess. */
const minKeyBytes = 24
const prefix = "whsec_"

const keyOf = (secret: Redacted.Redacted): Result.Result<Buffer, string> => {
  const text = Redacted.value(secret).trim()
  const base64 = text.startsWith(prefix) ? text.slice(prefix.length) : text
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) return Result.fail("the signing secret is not base64")
  const key = Buffer.from(base64, "base64")
  return key.length >= minKeyBytes
    ? Result.succeed(key)
    : Result.fail(`the signing secret has ${key.length} bytes, ${minKeyBytes} are needed`)
}

export interface Signed {
  /** The same over all attempts: receivers tell repetitions by it. */
  readonly id: string
  /** Seconds since the epoch. */
  readonly timestamp: number
  readonly body: string
}

/** The three headers; fails, without quoting the secret, when it cannot be used. */
export const sign = (
  secret: Redacted.Redacted,
  { body, id, timestamp }: Signed
): Result.Result<Readonly<Record<string, string>>, string> =>
  Result.map(keyOf(secret), (key) => ({
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`
  }))
