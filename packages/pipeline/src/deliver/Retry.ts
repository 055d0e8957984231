/** When a delivery is tried again (spec cdp 3.4, 5.4). */
import type { OutboundError } from "../service/Outbound.ts"

/** Attempts in all. */
export const defaultAttempts = 3

const retriable = new Set([408, 429, 500, 502, 503, 504])

/** Statuses that a later attempt may change. */
export const isRetriableStatus = (status: number): boolean => retriable.has(status)

export const isRetriableError = ({ reason }: OutboundError): boolean => reason !== "NotAllowed"

const stepMs = 1_000
const mostMs = 30_000
const mostRetryAfterMs = 5 * 60_000
const jitterMs = 1_000

/** `Retry-After` as milliseconds from now: seconds, or a date; undefined for what is neither. */
const parseRetryAfter = (text: string, now: number): number | undefined => {
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** Milliseconds until the next attempt, after `attempt` (from 1). `chance`: 0 to 1. */
export const delayMs = (
  attempt: number,
  retryAfter: string | undefined,
  { chance, now }: { readonly chance: number; readonly now: number }
): number => {
  const asked = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, now)
  const jitter = Math.floor(chance * jitterMs)
  if (asked !== undefined) return Math.min(asked, mostRetryAfterMs) + jitter
  return Math.min(stepMs * attempt + jitter, mostMs)
}
