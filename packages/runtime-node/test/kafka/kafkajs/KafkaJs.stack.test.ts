import { Producer } from "@tributary/pipeline/service/Producer"
import * as KafkaJsEventLog from "@tributary/runtime-node/kafka/kafkajs/KafkaJsEventLog"
import * as KafkaJsLaneClient from "@tributary/runtime-node/kafka/kafkajs/KafkaJsLaneClient"
import * as Lanes from "@tributary/runtime-node/kafka/Lanes"
import { Effect, Layer } from "effect"
import { eventLogContract, sharedGroupContract } from "../../../../pipeline/test/contract/EventLog.ts"
import { handOverContract } from "../../../../pipeline/test/contract/HandOver.ts"
import { producerContract } from "../../../../pipeline/test/contract/Producer.ts"
import * as TestKafka from "../TestKafka.ts"

const settings = TestKafka.settings("kafkajs")

const producer = Layer.effect(
  Producer,
  Effect.flatMap(KafkaJsLaneClient.make(settings), (client) => Lanes.make(client, { gatherMs: 0 }))
)

const layer = TestKafka.withTopics(Layer.merge(KafkaJsEventLog.layer(settings), producer))

producerContract("kafkajs", layer, { headersByName: true })
eventLogContract("kafkajs", layer)
sharedGroupContract("kafkajs", layer)
handOverContract("kafkajs", layer)
