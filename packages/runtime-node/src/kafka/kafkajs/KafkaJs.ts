/** kafkajs, the other client. */
import * as Effect from "effect/Effect"
import type { KafkaClient } from "../KafkaClient.ts"
import * as Codecs from "./Codecs.ts"
import * as KafkaJsAdmin from "./KafkaJsAdmin.ts"
import * as KafkaJsEventLog from "./KafkaJsEventLog.ts"
import * as KafkaJsLaneClient from "./KafkaJsLaneClient.ts"

export const client: KafkaClient = {
  lanes: KafkaJsLaneClient.make,
  eventLog: KafkaJsEventLog.layer,
  admin: KafkaJsAdmin.make,
  compressions: Effect.promise(Codecs.register)
}
