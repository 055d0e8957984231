/** kafkajs, the other client. */
import type { KafkaClient } from "../KafkaClient.ts"
import * as KafkaJsAdmin from "./KafkaJsAdmin.ts"
import * as KafkaJsEventLog from "./KafkaJsEventLog.ts"
import * as KafkaJsLaneClient from "./KafkaJsLaneClient.ts"

export const client: KafkaClient = {
  lanes: KafkaJsLaneClient.make,
  eventLog: KafkaJsEventLog.layer,
  admin: KafkaJsAdmin.make
}
