import * as ClickHouseSinkMemory from "@tributary/pipeline/service/memory/ClickHouseSinkMemory"
import { Effect, Layer } from "effect"
import { clickHouseSinkContract, Tables } from "../contract/ClickHouseSink.ts"

const tables = ClickHouseSinkMemory.makeTables()

clickHouseSinkContract(
  "memory",
  Layer.merge(
    ClickHouseSinkMemory.layer(tables),
    Layer.succeed(
      Tables,
      Tables.of({
        column: (table, column) => Effect.sync(() => (tables.rows.get(table) ?? []).map((row) => String(row[column])))
      })
    )
  )
)
