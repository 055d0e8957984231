/** The sink over HTTP, with the engine program for a server. */
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import { Effect, Layer } from "effect"
import { clickHouseSinkContract, Tables } from "../../../pipeline/test/contract/ClickHouseSink.ts"
import { overHttp, Program } from "./support.ts"

const tables = Layer.effect(
  Tables,
  ClickHouseHttp.ClickHouseHttp.use(({ query }) =>
    Effect.succeed(
      Tables.of({
        column: (table, column) =>
          query(`SELECT toString(\`${column}\`) AS value FROM tributary.${table}`).pipe(
            Effect.map((found) => found.map(({ value }) => String(value))),
            Effect.orDie
          )
      })
    )
  )
)

const migrated = Layer.effectDiscard(ClickHouseHttp.migrate({ database: "tributary" }))

clickHouseSinkContract(
  "over HTTP, on the engine program",
  Layer.merge(tables, ClickHouseHttp.layerSink("tributary")).pipe(
    Layer.provideMerge(migrated),
    Layer.provide(overHttp),
    Layer.provide(Program.layer)
  )
)
