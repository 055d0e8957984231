/**
 * The time of an event: read, corrected, kept within bounds, and written for ClickHouse.
 *
 * All times are whole milliseconds since the epoch, UTC. Outside 1970-01-01 … 2148-12-31 ClickHouse stores times where no
 * query finds them, or as another year (spec capture 2.6), so nothing outside may leave.
 */
import * as DateText from "./DateText.ts"
import { clean } from "./Text.ts"

/** 1970-01-01T00:00:00Z. */
export const earliest = 0
/** 2148-12-31T23:59:59.999Z. */
export const latest = Date.UTC(2149, 0, 1) - 1

const maxAheadMs = 23 * 3_600_000

/**
 * A time as a client wrote it; undefined when it cannot be read, which is no error. Takes the formats of spec capture 2.6, and numbers
 * by the size of their whole part like texts of digits.
 */
export const parseCapture = (value: unknown): number | undefined => {
  if (typeof value === "number") return DateText.parseUnix(String(value))
  if (typeof value !== "string") return undefined
  return DateText.parse(value) ?? DateText.parseUnix(value.trim())
}

/** A time within the bounds: earlier becomes 1970-01-01T00:00:00Z, later the time of receipt. */
export const within = (time: number, receivedAt: number): number =>
  time < earliest ? earliest : time > latest ? receivedAt : time

export interface EventTimes {
  /** The event's own time, parsed; undefined without one. */
  readonly timestamp: number | undefined
  /** When the client says that it sent the request, parsed. */
  readonly sentAt: number | undefined
  /** When the server decoded the request. */
  readonly now: number
  /** Age of the event in milliseconds when it was sent; wins over `timestamp`. */
  readonly offset: number | undefined
  /** True when the client's clock is not to be corrected (`$ignore_sent_at`). */
  readonly ignoreSentAt: boolean
}

/** The event's time by the rules of spec capture 2.6: corrected by the client's clock, at most 23 h ahead, within bounds. */
export const eventTime = ({ timestamp, sentAt, now, offset, ignoreSentAt }: EventTimes): number => {
  let time = now
  if (timestamp !== undefined) time = sentAt === undefined || ignoreSentAt ? timestamp : timestamp - (sentAt - now)
  if (offset !== undefined) time = Math.floor(now - offset)
  if (time - now > maxAheadMs) time = now
  return within(time, now)
}

/** A time as the worker meets it: common date forms first, the rest of ISO 8601 second (spec worker 1.9). */
export const parseWorker = (text: string): number | undefined => DateText.parse(text) ?? DateText.parseOtherIso(text)

/** Why a time was replaced: the details of the warning `ignored_invalid_timestamp`, without `eventUuid`. */
export interface InvalidTime {
  readonly field: "timestamp"
  readonly value: string
  readonly reason: string
  readonly parsed_year?: number
}

export interface WorkerTime {
  readonly time: number
  /** Present when the time is not the one that the text says. */
  readonly invalid?: InvalidTime
}

/** The event's time in the worker, from the text in the body (spec worker 1.9). No text: the time of receipt, no complaint. */
export const forWorker = (text: string | undefined, receivedAt: number): WorkerTime => {
  if (text === undefined) return { time: receivedAt }
  const time = parseWorker(text)
  const value = clean(text.slice(0, 200))
  if (time === undefined) return { time: receivedAt, invalid: { field: "timestamp", value, reason: "not a date" } }
  if (time >= earliest && time <= latest) return { time }
  const year = new Date(time).getUTCFullYear()
  const reason = time < earliest ? "before 1970-01-01" : "after 2148-12-31"
  return {
    time: within(time, receivedAt),
    invalid: { field: "timestamp", value, reason, ...(Number.isNaN(year) ? {} : { parsed_year: year }) }
  }
}

/** The full hour (UTC) that a time lies in. */
export const floorToHour = (ms: number): number => Math.floor(ms / 3_600_000) * 3_600_000

const twoDigits: ReadonlyArray<string> = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, "0"))

/** `YYYY-MM-DD` of a day since the epoch; years outside 0 … 9999 in the long form of ISO 8601, as `toISOString` has them. */
const dateOf = (day: number): string => {
  // Years begin in March here, so that the leap day is the last of a year; 146,097 days are 400 years.
  const shifted = day + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const leapless = dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)
  const yearOfEra = (leapless / 365) | 0
  const dayOfYear = dayOfEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0))
  const monthFromMarch = ((5 * dayOfYear + 2) / 153) | 0
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  const date = `-${twoDigits[month]}-${twoDigits[dayOfYear - (((153 * monthFromMarch + 2) / 5) | 0) + 1]}`
  if (year >= 0 && year <= 9999) return `${twoDigits[(year / 100) | 0]}${twoDigits[year % 100]}${date}`
  return `${year < 0 ? "-" : "+"}${String(Math.abs(year)).padStart(6, "0")}${date}`
}

const write = (ms: number, separator: string, withMillis: boolean, end: string): string => {
  const day = Math.floor(ms / 86_400_000)
  const rest = ms - day * 86_400_000
  const seconds = Math.floor(rest / 1000)
  const minutes = Math.floor(seconds / 60)
  const text = `${dateOf(day)}${separator}${twoDigits[Math.floor(minutes / 60)]}:${twoDigits[minutes % 60]}:${twoDigits[seconds % 60]}`
  if (!withMillis) return text
  const millis = Math.floor(rest) % 1000
  return `${text}.${Math.floor(millis / 100)}${twoDigits[millis % 100]}${end}`
}

/** `YYYY-MM-DD HH:MM:SS.mmm`, as ClickHouse reads it. */
export const toClickHouse = (ms: number): string => write(ms, " ", true, "")

/** `YYYY-MM-DD HH:MM:SS`, as ClickHouse reads it. */
export const toClickHouseSeconds = (ms: number): string => write(ms, " ", false, "")

/** `YYYY-MM-DDTHH:MM:SS.mmmZ`. */
export const toIso = (ms: number): string => write(ms, "T", true, "Z")
