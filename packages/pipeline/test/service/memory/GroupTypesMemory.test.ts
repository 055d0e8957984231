import * as GroupTypesMemory from "../../../src/service/memory/GroupTypesMemory.ts"
import { groupTypesContract } from "../../contract/GroupTypes.ts"

groupTypesContract("in memory", GroupTypesMemory.layer())
