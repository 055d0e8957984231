import { layer, makeTables } from "../../../src/service/memory/ProgressMemory.ts"
import { progressContract } from "../../contract/Progress.ts"

progressContract("in memory", layer(makeTables()))
