import * as EventGroupsMemory from "@tributary/pipeline/service/memory/EventGroupsMemory"
import { eventGroupsContract, stored } from "../../contract/EventGroups.ts"

eventGroupsContract("memory", EventGroupsMemory.layer(stored))
