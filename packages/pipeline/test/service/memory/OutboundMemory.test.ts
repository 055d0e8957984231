import * as OutboundMemory from "@tributary/pipeline/service/memory/OutboundMemory"
import type { OutboundRequest, OutboundResponse } from "@tributary/pipeline/service/Outbound"
import { Effect, Layer } from "effect"
import { outboundContract, Receiver } from "../../contract/Outbound.ts"

const sent: Array<OutboundRequest> = []
let response: OutboundResponse = OutboundMemory.ok

outboundContract(
  "memory",
  Layer.merge(
    OutboundMemory.layer(sent, () => Effect.sync(() => response)),
    Layer.succeed(
      Receiver,
      Receiver.of({
        url: "https://receiver.example",
        received: Effect.sync(() =>
          sent.splice(0).map(({ body, method, url }) => ({ method, body, path: new URL(url).pathname }))
        ),
        answers: (next) => Effect.sync(() => void (response = next))
      })
    )
  )
)
