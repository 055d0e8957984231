import * as DeliveryStoreMemory from "@tributary/pipeline/service/memory/DeliveryStoreMemory"
import { deliveryStoreContract } from "../../contract/DeliveryStore.ts"

deliveryStoreContract("memory", DeliveryStoreMemory.layer())
