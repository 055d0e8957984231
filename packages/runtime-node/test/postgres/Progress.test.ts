import { Layer } from "effect"
import { progressContract } from "../../../pipeline/test/contract/Progress.ts"
import * as Progress from "../../src/postgres/Progress.ts"
import * as TestDatabase from "./TestDatabase.ts"

progressContract("PostgreSQL", Progress.layer.pipe(Layer.provide(TestDatabase.layer)))
