import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/** A place as GeoIP knows it. Parts that the database lacks are absent. */
export interface Place {
  readonly cityName?: string
  readonly subdivisions: ReadonlyArray<{ readonly code?: string; readonly name?: string }>
  readonly countryName?: string
  readonly countryCode?: string
  readonly continentName?: string
  readonly continentCode?: string
  readonly postalCode?: string
  readonly latitude?: number
  readonly longitude?: number
  readonly accuracyRadius?: number
  readonly timeZone?: string
}

/** IP address → place. Synchronous and pure within a process: the hot path calls it per event. */
export class GeoIp extends Context.Service<
  GeoIp,
  {
    /** Undefined for private, unknown and malformed addresses, and without a database. */
    readonly lookup: (ip: string) => Place | undefined
  }
>()("@tributary/pipeline/GeoIp") {
  /** Knows exactly the addresses given. */
  static readonly layerMemory = (places: ReadonlyMap<string, Place>) =>
    Layer.succeed(GeoIp, GeoIp.of({ lookup: (ip) => places.get(ip) }))
}
