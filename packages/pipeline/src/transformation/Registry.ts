/** The transformations that rows may name: ours, and those that an embedding program adds. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GeoIp } from "../service/GeoIp.ts"
import * as GeoIpTransformation from "./GeoIp.ts"
import * as PropertyFilter from "./PropertyFilter.ts"
import type { Transformation } from "./Transformation.ts"

export interface Options {
  /** Registered beside ours; one with an id of ours takes its place. */
  readonly own?: ReadonlyArray<Transformation>
  /** See `GeoIp.Options`; undefined unless given. */
  readonly loopback?: string
}

/** `template_id` → transformation. */
export class TransformationRegistry extends Context.Service<
  TransformationRegistry,
  { readonly byId: ReadonlyMap<string, Transformation> }
>()("@tributary/pipeline/TransformationRegistry") {
  static readonly layer = ({ loopback, own = [] }: Options = {}): Layer.Layer<TransformationRegistry, never, GeoIp> =>
    Layer.effect(
      TransformationRegistry,
      Effect.map(GeoIpTransformation.make({ loopback }), (geoIp) => {
        const all = [...geoIp, PropertyFilter.nulling, PropertyFilter.removing, ...own]
        return TransformationRegistry.of({ byId: new Map(all.map((one) => [one.id, one])) })
      })
    )
}
