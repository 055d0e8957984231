/** The destinations that rows may name: ours, and those that an embedding program adds. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Destination } from "./Destination.ts"
import { webhook } from "./Webhook.ts"

/** `template_id` → destination. */
export class DestinationRegistry extends Context.Service<
  DestinationRegistry,
  { readonly byId: ReadonlyMap<string, Destination> }
>()("@tributary/pipeline/DestinationRegistry") {
  /** One of `own` with an id of ours takes its place. */
  static readonly layer = (own: ReadonlyArray<Destination> = []): Layer.Layer<DestinationRegistry> =>
    Layer.succeed(
      DestinationRegistry,
      DestinationRegistry.of({ byId: new Map([webhook, ...own].map((one) => [one.id, one])) })
    )
}
