/** Query strings and urlencoded forms, as far as capture reads them (spec capture 1.2, 2.2). */
import * as Timestamp from "@tributary/domain/event/Timestamp"

const hexOf = (code: number): number =>
  code >= 48 && code <= 57
    ? code - 48
    : code >= 65 && code <= 70
      ? code - 55
      : code >= 97 && code <= 102
        ? code - 87
        : -1

/**
 * The bytes that an urlencoded value stands for; the value itself is bytes read as Latin-1. A `%` that begins no escape stands for itself, and what the escapes
 * spell need not be UTF-8: old browsers send half surrogates.
 */
export const percentDecode = (value: string): Buffer => {
  const bytes = Buffer.from(value, "latin1")
  let at = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === 0x2b) bytes[at++] = 0x20
    else if (byte === 0x25) {
      const high = i + 2 < bytes.length ? hexOf(bytes[i + 1]!) : -1
      const low = high < 0 ? -1 : hexOf(bytes[i + 2]!)
      if (low < 0) bytes[at++] = byte
      else {
        bytes[at++] = (high << 4) | low
        i += 2
      }
    } else bytes[at++] = byte
  }
  return bytes.subarray(0, at)
}

/** The first value of a field, still escaped; undefined without one. */
export const field = (form: string, name: string): string | undefined => {
  for (let start = 0; start <= form.length; ) {
    const next = form.indexOf("&", start)
    const end = next < 0 ? form.length : next
    if (form.startsWith(name, start) && (form[start + name.length] === "=" || start + name.length === end)) {
      return form.slice(Math.min(start + name.length + 1, end), end)
    }
    start = end + 1
  }
  return undefined
}

const opening = /(?:^|&)(?:data|_|ip|compression)=/

/** True when one of the fields that clients send stands within the first 128 bytes. */
export const looksLikeForm = (bytes: Buffer): boolean => opening.test(bytes.toString("latin1", 0, 128))

/** True for a form whatever it calls itself: old browsers send theirs as `text/plain` (spec capture 1.3). */
export const startsWithData = (bytes: Buffer): boolean =>
  bytes[0] === 0x64 && bytes.toString("latin1", 0, 5) === "data="

/** True for the media type of forms, whatever its case and parameters. */
export const isFormType = (contentType: string | undefined): boolean =>
  contentType !== undefined &&
  (contentType.split(";", 1)[0] ?? "").trim().toLowerCase() === "application/x-www-form-urlencoded"

/** What the query of a v0 request says (spec capture 1.2). What cannot be read counts as absent. */
export interface Query {
  /** Still escaped; undefined when empty. */
  readonly data: string | undefined
  /** When the client says that it sent the request: milliseconds since the epoch. */
  readonly sentAt: number | undefined
  readonly isBeacon: boolean
}

const noQuery: Query = { data: undefined, sentAt: undefined, isBeacon: false }

/** Earlier years mean that a client counted in seconds. */
const firstSentAt = Date.UTC(2021, 0, 1)

const sentAtOf = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined
  const ms = Number(text)
  return ms >= firstSentAt && ms <= Timestamp.latest ? ms : undefined
}

/** Reads a query string, without its question mark. */
export const parseQuery = (query: string): Query =>
  query === ""
    ? noQuery
    : {
        data: field(query, "data") || undefined,
        sentAt: sentAtOf(field(query, "_") ?? field(query, "sent_at")),
        isBeacon: field(query, "beacon") === "1"
      }
