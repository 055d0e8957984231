import { Layer } from "effect"
import { clickHouseSinkContract } from "../../../pipeline/test/contract/ClickHouseSink.ts"
import { engine, tables } from "./support.ts"

clickHouseSinkContract("the engine in this process", tables.pipe(Layer.provideMerge(engine)))
