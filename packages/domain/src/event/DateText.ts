/**
 * Dates as people and SDKs write them, read the same way on every machine: a text without a zone is UTC, whatever zone
 * the machine has (spec capture 2.6, worker 1.9). All results are whole milliseconds since the epoch, and undefined for
 * what is no date. Any year is let through; `Timestamp` has the bounds.
 */

const dayMs = 86_400_000

/** Days from 1970-01-01 in the proleptic Gregorian calendar; `Date.UTC` would take the years 0 to 99 for 19xx. */
const daysTo = (year: number, month: number, day: number): number => {
  const shifted = month > 2 ? year : year - 1
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const monthLength = (year: number, month: number): number =>
  month === 2 && isLeap(year) ? 29 : (monthLengths[month - 1] ?? 0)

/** The number in two digits at `i`; NaN when they are none. */
const two = (text: string, i: number): number => {
  const tens = text.charCodeAt(i) - 48
  const ones = text.charCodeAt(i + 1) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

/**
 * `YYYY-MM-DDThh:mm:ss.mmmZ` and nothing else: what our own capture writes, hence worth a path of its own (a tenth of
 * the price of `Date.parse`).
 */
export const parseExact = (text: string): number | undefined => {
  if (
    text.length !== 24 ||
    text.charCodeAt(4) !== 45 ||
    text.charCodeAt(7) !== 45 ||
    text.charCodeAt(10) !== 84 ||
    text.charCodeAt(13) !== 58 ||
    text.charCodeAt(16) !== 58 ||
    text.charCodeAt(19) !== 46 ||
    text.charCodeAt(23) !== 90
  ) {
    return undefined
  }
  const year = two(text, 0) * 100 + two(text, 2)
  const month = two(text, 5)
  const day = two(text, 8)
  const hour = two(text, 11)
  const minute = two(text, 14)
  const second = two(text, 17)
  const milli = two(text, 20) * 10 + text.charCodeAt(22) - 48
  // Comparisons with NaN are false, so a letter in the place of a digit ends here as well.
  const isValid =
    year >= 0 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= monthLength(year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    milli >= 0 &&
    text.charCodeAt(22) >= 48 &&
    text.charCodeAt(22) <= 57
  if (!isValid) return undefined
  return daysTo(year, month, day) * dayMs + hour * 3_600_000 + minute * 60_000 + second * 1000 + milli
}

const clock = "(\\d{2}):?(\\d{2})(?::?(\\d{2})(?:[.,](\\d+))?)?"
const zone = "(Z|[+-]\\d{2}(?::?\\d{2})?)"
const isoDate = /^(\d{4}|[+-]\d{6})(?:-(\d{2})(?:-(\d{2}))?)?$/
const basicDate = /^(\d{4})(\d{2})(\d{2})$/
const weekDate = /^(\d{4})-?W(\d{2})(?:-?([1-7]))?$/i
const ordinalDate = /^(\d{4})-?(\d{3})$/
const timeOfDay = new RegExp(`^${clock}\\s*${zone}?$`, "i")

/** The offset of `Z`, `+hh`, `+hhmm`, `+hh:mm` in milliseconds; undefined beyond a day. */
const zoneMs = (text: string | undefined): number | undefined => {
  if (text === undefined || text === "Z" || text === "z") return 0
  const hours = two(text, 1)
  const minutes = text.length > 3 ? two(text, text.length - 2) : 0
  if (hours > 23 || minutes > 59) return undefined
  return (text.charCodeAt(0) === 45 ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** Milliseconds from the day's midnight UTC. A 60th second is the next minute's first, 24:00:00 the next day's. */
const parseTimeOfDay = (text: string): number | undefined => {
  const match = timeOfDay.exec(text)
  if (match === null) return undefined
  const hour = Number(match[1])
  const minute = Number(match[2])
  const second = Number(match[3] ?? 0)
  const offset = zoneMs(match[5])
  const milli = match[4] === undefined ? 0 : Number(match[4].slice(0, 3).padEnd(3, "0"))
  if (minute > 59 || second > 60 || offset === undefined) return undefined
  if (hour > 24 || (hour === 24 && minute + second + milli > 0)) return undefined
  return hour * 3_600_000 + minute * 60_000 + second * 1000 + milli - offset
}

const parseCalendarDay = (text: string, form = isoDate): number | undefined => {
  const match = form.exec(text)
  if (match === null) return undefined
  const year = Number(match[1])
  const month = Number(match[2] ?? 1)
  const day = Number(match[3] ?? 1)
  return day >= 1 && day <= monthLength(year, month) ? daysTo(year, month, day) : undefined
}

const parseOtherDay = (text: string): number | undefined => {
  const week = weekDate.exec(text)
  if (week !== null) {
    const year = Number(week[1])
    const number = Number(week[2])
    // Week 1 holds 4 January; weeks begin on Monday, and day 0 of the epoch was a Thursday.
    const mondayOfWeek1 = (y: number): number => {
      const fourth = daysTo(y, 1, 4)
      return fourth - ((((fourth + 3) % 7) + 7) % 7)
    }
    const day = mondayOfWeek1(year) + (number - 1) * 7 + Number(week[3] ?? 1) - 1
    return number >= 1 && day < mondayOfWeek1(year + 1) ? day : undefined
  }
  const ordinal = ordinalDate.exec(text)
  if (ordinal === null) return parseCalendarDay(text, basicDate)
  const year = Number(ordinal[1])
  const number = Number(ordinal[2])
  return number >= 1 && number <= (isLeap(year) ? 366 : 365) ? daysTo(year, 1, 1) + number - 1 : undefined
}

/** A day, alone or followed by a time of day behind `T` or white space. */
const withTime = (parseDay: (text: string) => number | undefined, text: string): number | undefined => {
  const separator = text.search(/[Tt ]/)
  const days = parseDay(separator < 0 ? text : text.slice(0, separator))
  if (days === undefined) return undefined
  const time = separator < 0 ? 0 : parseTimeOfDay(text.slice(separator + 1).trim())
  return time === undefined ? undefined : days * dayMs + time
}

/** ISO 8601 calendar dates (RFC 3339 and its lenient kin): two-digit zones, a space for the `T`, any number of fraction digits. */
const parseIso = (text: string): number | undefined => withTime((day) => parseCalendarDay(day), text)

/** The rest of ISO 8601: week dates (`2024-W18-3`), ordinal dates (`2024-122`), and the basic form (`20240501T100000Z`). */
export const parseOtherIso = (text: string): number | undefined => withTime(parseOtherDay, text.trim())

/** `Wed, 01 May 2024 …`, `May 1, 2024 …`, `2024/05/01 …`, `5/1/2024 …`: shapes that V8 reads, and nothing that it merely guesses at. */
const spoken =
  /^(?:[a-z]{3,9}\.?,?\s+)?(?:\d{1,2}\s+[a-z]{3,9}|[a-z]{3,9}\s+\d{1,2},?)\s+\d{4}\b|^\d{4}\/\d{1,2}\/\d{1,2}\b|^\d{1,2}\/\d{1,2}\/\d{2,4}\b/i
const endsWithZone = /(?:\b(?:z|utc?|gmt|[ecmp][sd]t)|(?:gmt|utc)?[+-]\d{2}:?\d{2}|\d[z])\s*(?:\([^)]*\))?$/i

const parseSpoken = (text: string): number | undefined => {
  if (text.length > 64 || !spoken.test(text)) return undefined
  // Without a zone V8 would take the machine's.
  const ms = Date.parse(endsWithZone.test(text) ? text : `${text} UTC`)
  return Number.isNaN(ms) ? undefined : ms
}

/** A date in any of the common forms: ISO 8601 calendar dates, RFC 2822, slash dates. */
export const parse = (text: string): number | undefined => {
  const trimmed = text.trim()
  return parseExact(trimmed) ?? parseIso(trimmed) ?? parseSpoken(trimmed)
}

const digits = /^\d{9,19}$/
const fractionalSeconds = /^\d{9,10}\.\d+$/

/** Unix time as a text of digits; its length tells the unit: 9–10 s (fractions allowed), 12–13 ms, 15–16 µs, 18–19 ns. */
export const parseUnix = (text: string): number | undefined => {
  if (fractionalSeconds.test(text)) return Math.round(Number(text) * 1000)
  if (!digits.test(text)) return undefined
  const cutTo = (units: number): number => Number(text.slice(0, text.length - units))
  switch (text.length) {
    case 9:
    case 10:
      return Number(text) * 1000
    case 12:
    case 13:
      return Number(text)
    case 15:
    case 16:
      return cutTo(3)
    case 18:
    case 19:
      return cutTo(6)
    default:
      return undefined
  }
}
