/** What is to be sent to destinations: a queue that remembers, and the counters of masks (spec cdp 1.5, 3). */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StoreError } from "./StoreError.ts"

/** What a delivery is: an event, a function, and which of its mappings (-1: itself). Unique. */
export interface DeliveryKey {
  /** The event's uuid. */
  readonly event: string
  readonly function: string
  readonly mapping: number
}

export interface Mask {
  /** Hex. With the function's id, the name of the counter. */
  readonly hash: string
  readonly ttlSeconds: number
  readonly threshold: number | null
}

export interface NewDelivery extends DeliveryKey {
  readonly team: number
  /** The message of `clickhouse_events_json`, as it came. Holds no secret of the function. */
  readonly message: string
  readonly mask: Mask | null
}

/** `duplicate`: it was enqueued before, within seven days. */
export type Enqueued = "enqueued" | "duplicate" | "masked"

/** A delivery in the hands of a sender until its lease ends. Times are milliseconds since the epoch. */
export interface Leased extends DeliveryKey {
  readonly team: number
  readonly message: string
  /** Attempts that were made before. */
  readonly attempts: number
  readonly leaseEnd: number
}

export type FinalState = "delivered" | "failed" | "removed"

/** What became of an attempt; counts only while the lease is the sender's. */
export type Settlement = Pick<Leased, "event" | "function" | "mapping" | "leaseEnd"> & {
  readonly attempts: number
  readonly result:
    | { readonly _tag: "Finished"; readonly state: FinalState }
    | { readonly _tag: "Again"; readonly dueAt: number }
}

export interface ClaimOptions {
  readonly limit: number
  readonly leaseMs: number
  /** Functions whose deliveries are left for later. */
  readonly except: ReadonlyArray<string>
}

export class DeliveryStore extends Context.Service<
  DeliveryStore,
  {
    /**
     * Enqueues what is new and raises the masks, all or nothing; answers by index. An event that is enqueued already
     * raises no mask; a masked one leaves no row, so it is counted again when it comes again.
     */
    readonly enqueue: (deliveries: ReadonlyArray<NewDelivery>) => Effect.Effect<ReadonlyArray<Enqueued>, StoreError>
    /** Leases due deliveries, the longest due first; never one that another sender holds. */
    readonly claim: (options: ClaimOptions) => Effect.Effect<ReadonlyArray<Leased>, StoreError>
    readonly settle: (settlements: ReadonlyArray<Settlement>) => Effect.Effect<void, StoreError>
    /** Deletes deliveries that were finished so long ago, and masks whose window is over. */
    readonly forget: (finishedBeforeMs: number) => Effect.Effect<void, StoreError>
  }
>()("@tributary/pipeline/DeliveryStore") {}

/** A text that is equal for equal deliveries. */
export const keyOf = ({ event, function: id, mapping }: DeliveryKey): string => `${event}:${id}:${mapping}`

/** A text that is equal for equal masks. */
export const maskKey = (id: string, hash: string): string => `${id}:${hash}`
