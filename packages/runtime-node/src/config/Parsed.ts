/** Settings that need more reading than Effect's own kinds of `Config` give. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/** A setting that need not be there. */
export const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  Config.map(Config.option(config), Option.getOrUndefined)

/** A setting that `parse` reads. Where it answers undefined the value is wrong, and the error says what was `expected`. */
export const parsed = <A>(name: string, parse: (text: string) => A | undefined, expected: string): Config.Config<A> =>
  Config.schema(
    Schema.String.check(Schema.makeFilter((text) => (parse(text) === undefined ? `Expected ${expected}` : undefined))),
    name
  ).pipe(Config.map((text) => parse(text)!))

const units: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["kib", 1024],
  ["mib", 1024 ** 2],
  ["gib", 1024 ** 3]
])

/** A number of bytes, bare or with a unit; undefined for anything else. */
export const parseBytes = (text: string): number | undefined => {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? []
  const factor = units.get(unit.toLowerCase())
  return number === undefined || factor === undefined ? undefined : Math.floor(Number(number) * factor)
}

const urlOf = (text: string, protocols: ReadonlyArray<string>): string | undefined =>
  protocols.some((protocol) => text.startsWith(`${protocol}//`)) && URL.canParse(text) ? text : undefined

/** Where PostgreSQL is, with a password perhaps: never shown. */
export const postgresUrl = (name: string): Config.Config<Redacted.Redacted> =>
  Config.map(
    parsed(
      name,
      (text) => urlOf(text, ["postgres:", "postgresql:"]),
      "a URL such as postgres://user:password@host:5432/database"
    ),
    Redacted.make
  )

/** Where something is that speaks HTTP. */
export const httpUrl = (name: string, example: string): Config.Config<string> =>
  parsed(name, (text) => urlOf(text, ["http:", "https:"]), `a URL such as ${example}`)

/** The name of a consumer group, or its beginning. Kafka takes any text; one with blanks is a slip of the pen. */
export const groupName = (name: string): Config.Config<string> =>
  parsed(
    name,
    (text) => (/^[!-~]{1,200}$/.test(text) ? text : undefined),
    "at most 200 characters of ASCII without blanks"
  )

/** A number of bytes: bare, or with a unit. */
export const bytes = (
  name: string,
  { max, min }: { readonly min: number; readonly max: number }
): Config.Config<number> =>
  parsed(
    name,
    (text) => {
      const size = parseBytes(text)
      return size !== undefined && size >= min && size <= max ? size : undefined
    },
    `a number of bytes from ${min} to ${max}, such as 20000000, 20 MB or 20 MiB`
  )

/** A duration of nothing or more; undefined for anything else. */
export const parseDuration = (text: string): Duration.Duration | undefined => {
  const read = Option.getOrUndefined(Schema.decodeOption(Schema.DurationFromString)(text.trim()))
  return read !== undefined && Duration.isFinite(read) && !Duration.isNegative(read) ? read : undefined
}

export const duration = (name: string): Config.Config<Duration.Duration> =>
  parsed(name, parseDuration, "a duration such as 5 millis, 30 seconds or 24 hours")

/** Where a server of ours listens. */
export const port = (name: string): Config.Config<number> => whole(name, { min: 1, max: 65_535 })

/** A whole number within bounds. */
export const whole = (
  name: string,
  { max, min }: { readonly min: number; readonly max: number }
): Config.Config<number> =>
  parsed(
    name,
    (text) => {
      const number = /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined
      return number !== undefined && number >= min && number <= max ? number : undefined
    },
    `a whole number from ${min} to ${max}`
  )
