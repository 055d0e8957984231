import { Layer } from "effect"
import { eventGroupsContract } from "../../../pipeline/test/contract/EventGroups.ts"
import * as EventGroups from "../../src/functions/EventGroups.ts"
import * as TestDatabase from "../postgres/TestDatabase.ts"
import * as StoredGroups from "./StoredGroups.ts"

eventGroupsContract(
  "PostgreSQL",
  EventGroups.layer.pipe(Layer.provideMerge(Layer.effectDiscard(StoredGroups.put)), Layer.provide(TestDatabase.layer))
)
