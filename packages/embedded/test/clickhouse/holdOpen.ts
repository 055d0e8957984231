/** A process of its own that opens the engine on the folder it is given, stores a row, says so and stays. */
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import { Console, Effect, Layer } from "effect"
import * as EmbeddedClickHouse from "../../src/clickhouse/EmbeddedClickHouse.ts"
import * as Engine from "../../src/clickhouse/Engine.ts"

const row = new TextEncoder().encode('{"topic":"t","partition":0,"offset":1,"raw":"kept"}\n')

await Effect.runPromise(
  ClickHouseSink.use((sink) => sink.insert({ table: "kafka_errors", rows: row, count: 1, token: "kept" })).pipe(
    Effect.andThen(Console.log("stored")),
    Effect.andThen(Effect.sleep("5 minutes")),
    Effect.provide(
      EmbeddedClickHouse.layer().pipe(
        Layer.provide(Engine.layer({ folder: process.argv[2] ?? "", database: "tributary" }))
      )
    )
  )
)
