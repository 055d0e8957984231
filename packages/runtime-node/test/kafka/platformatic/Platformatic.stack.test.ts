/** Both services over `@platformatic/kafka`, on a real broker. */
import * as Health from "@tributary/pipeline/service/Health"
import { Layer } from "effect"
import { eventLogContract, sharedGroupContract } from "../../../../pipeline/test/contract/EventLog.ts"
import { handOverContract } from "../../../../pipeline/test/contract/HandOver.ts"
import { producerContract } from "../../../../pipeline/test/contract/Producer.ts"
import * as Client from "../../../src/kafka/Client.ts"
import type { KafkaSettings } from "../../../src/kafka/Settings.ts"
import { settings, withTopics } from "../TestKafka.ts"

const platformatic = (partial: Partial<KafkaSettings> = {}) =>
  withTopics(Client.layer(settings("platformatic", partial), { gatherMs: 0 }).pipe(Layer.provide(Health.Health.layer)))

producerContract("@platformatic/kafka", platformatic())
producerContract("@platformatic/kafka, idempotent", platformatic({ idempotent: true }))
eventLogContract("@platformatic/kafka", platformatic())
sharedGroupContract("@platformatic/kafka", platformatic())
handOverContract("@platformatic/kafka", platformatic())
