/** The name of a delivery: the same however often it is tried, so that receivers can tell repetitions. */
import * as Uuid from "@tributary/domain/event/Uuid"
import { type DeliveryKey, keyOf } from "../service/DeliveryStore.ts"

/** The namespace of our invocation ids. */
const namespace = "6f1a4e0c-6a0c-5e0b-9d4e-0c7f5c1d2b3a"

/** A UUIDv5 of event, function and mapping. */
export const idOf = (delivery: DeliveryKey): string => Uuid.v5(namespace, keyOf(delivery))
