/** `@platformatic/kafka`, the default client. */
import * as Effect from "effect/Effect"
import type { KafkaClient } from "../KafkaClient.ts"
import { compressions } from "../Settings.ts"
import * as PlatformaticAdmin from "./PlatformaticAdmin.ts"
import * as PlatformaticEventLog from "./PlatformaticEventLog.ts"
import * as PlatformaticLaneClient from "./PlatformaticLaneClient.ts"

export const client: KafkaClient = {
  lanes: PlatformaticLaneClient.make,
  eventLog: PlatformaticEventLog.layer,
  admin: PlatformaticAdmin.make,
  compressions: Effect.succeed(new Set(compressions))
}
