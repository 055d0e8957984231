import { layer } from "../../../src/service/memory/PersonStoreMemory.ts"
import { personStoreContract } from "../../contract/PersonStore.ts"

personStoreContract("in memory", layer())
personStoreContract("in memory, each batch folded three times", layer({ conflicts: 2 }))
