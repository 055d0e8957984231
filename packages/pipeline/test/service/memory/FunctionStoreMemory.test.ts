import type { Row } from "@tributary/domain/function/HogFunction"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import { GeoIp } from "@tributary/pipeline/service/GeoIp"
import * as FunctionStoreMemory from "@tributary/pipeline/service/memory/FunctionStoreMemory"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import { Effect, Layer } from "effect"
import { Functions, functionStoreContract } from "../../contract/FunctionStore.ts"
import { places } from "../../contract/GeoIp.ts"

const rows = new Map<string, Row>()

functionStoreContract(
  "memory",
  Layer.merge(
    FunctionStoreMemory.layer(rows, { siteUrl: "https://eu.example" }),
    Layer.succeed(
      Functions,
      Functions.of({
        put: (row) => Effect.sync(() => void rows.set(row.id, row)),
        take: (id) => Effect.sync(() => void rows.delete(id))
      })
    )
  ).pipe(
    Layer.provide(TransformationRegistry.layer()),
    Layer.provide(DestinationRegistry.layer()),
    Layer.provide(GeoIp.layerMemory(places))
  )
)
