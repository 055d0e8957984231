import { Layer } from "effect"
import { personStoreContract } from "../../../pipeline/test/contract/PersonStore.ts"
import * as PersonStore from "../../src/postgres/PersonStore.ts"
import * as TestDatabase from "./TestDatabase.ts"

personStoreContract("PostgreSQL", PersonStore.layer.pipe(Layer.provide(TestDatabase.layer)))
