import { eventLogContract } from "../../../pipeline/test/contract/EventLog.ts"
import { producerContract } from "../../../pipeline/test/contract/Producer.ts"
import * as TestLog from "./TestLog.ts"

eventLogContract("PostgreSQL", TestLog.fresh)
producerContract("PostgreSQL", TestLog.fresh)
