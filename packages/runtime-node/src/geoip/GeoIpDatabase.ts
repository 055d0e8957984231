/**
 * GeoIP from a MaxMind-format file (`GEOIP_DATABASE`; spec cdp 2.5, 5.5).
 *
 * A file that is missing or broken is a warning, never an obstacle: lookups then know no place. The file is looked at
 * once an hour and read again when it has changed; if that fails, the old one goes on serving.
 */
import { readFile, stat } from "node:fs/promises"
import { GeoIp, type Place } from "@tributary/pipeline/service/GeoIp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Reader, type Response } from "maxmind"
import * as Address from "../outbound/Address.ts"
import * as Record from "./Record.ts"

/** Answers that are kept; when there are as many, all are forgotten, for bookkeeping would cost more than it saves. */
const remembered = 10_000

interface Database {
  /** Tells one state of the file from another. */
  readonly stamp: string
  readonly lookup: (ip: string) => Place | undefined
}

const stampOf = async (path: string): Promise<string> => {
  const { ino, mtimeMs, size } = await stat(path)
  return `${ino}:${mtimeMs}:${size}`
}

/** A lookup over a reader. The readers answer malformed and private addresses with some record, hence the strict checks. */
const lookupIn = (reader: Reader<Response>): Database["lookup"] => {
  const places = new Map<string, Place | undefined>()
  const find = (ip: string): Place | undefined => {
    const address = Address.parse(ip)
    if (address === undefined || !Address.isPublic(address)) return undefined
    try {
      return Record.toPlace(reader.get(address))
    } catch {
      // A damaged record.
      return undefined
    }
  }
  return (ip) => {
    const known = places.get(ip)
    if (known !== undefined || places.has(ip)) return known
    const place = find(ip)
    if (places.size >= remembered) places.clear()
    places.set(ip, place)
    return place
  }
}

/** The database; `known` itself when its file has not changed. Fails with a few words about the file. */
const open = (path: string, known: Database | undefined): Effect.Effect<Database, string> =>
  Effect.tryPromise({
    try: async () => {
      const stamp = await stampOf(path)
      return known?.stamp === stamp ? known : { stamp, lookup: lookupIn(new Reader<Response>(await readFile(path))) }
    },
    catch: String
  })

/** Knows no place; for programs without a database. */
export const layerNone = Layer.succeed(GeoIp, GeoIp.of({ lookup: () => undefined }))

export const layer = (path: string): Layer.Layer<GeoIp> =>
  Layer.effect(
    GeoIp,
    Effect.gen(function* () {
      let database: Database | undefined
      const refresh = Effect.suspend(() => open(path, database)).pipe(
        Effect.flatMap((opened) => Effect.sync(() => void (database = opened))),
        Effect.catch((problem) => {
          const state = database === undefined ? "no places are looked up" : "the old one goes on serving"
          return Effect.logWarning(`GEOIP_DATABASE=${path}: cannot be read, ${state}: ${problem}`)
        })
      )
      yield* refresh
      yield* Effect.forkScoped(Effect.forever(Effect.delay(refresh, "1 hour")))
      return GeoIp.of({ lookup: (ip) => database?.lookup(ip) })
    })
  )
