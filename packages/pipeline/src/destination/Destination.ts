/**
 * Destinations: where events are sent (spec cdp 5.3).
 *
 * A destination is a value: an id, a schema of its inputs, and two pure functions, one that makes the request and one
 * that says what the answer means. Retries, time limits, guarding, signing, redaction, logs and metrics are the
 * framework's (`deliver`), so that no destination can get them wrong.
 */
import type { Properties } from "@tributary/domain/event/Properties"
import type { HogFunction } from "@tributary/domain/function/HogFunction"
import type * as Inputs from "@tributary/domain/function/Inputs"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { OutboundRequest, OutboundResponse } from "../service/Outbound.ts"
import * as InputSchema from "../transformation/InputSchema.ts"

/** What an answer means; statuses that are worth another try do not get here before the last one. */
export type Interpretation =
  | { readonly _tag: "Delivered" }
  /** Nothing to deliver; `note` is told to the project's owner. */
  | { readonly _tag: "Skipped"; readonly note: string }
  | { readonly _tag: "Failed"; readonly problem: string }

export const delivered: Interpretation = { _tag: "Delivered" }
export const failed = (problem: string): Interpretation => ({ _tag: "Failed", problem })

/** What the framework needs to know of one delivery besides its request. */
export interface Handling {
  /** Signs each attempt by the Standard Webhooks convention. */
  readonly signingSecret?: Redacted.Redacted
  /** Statuses that are no failure: numbers, `4xx`, `5xx`. */
  readonly exempt?: ReadonlyArray<number | string>
  /** Tells request and answer to the project's owner. */
  readonly debug?: boolean
}

export interface Delivery extends Handling {
  readonly request: OutboundRequest
  readonly interpret: (response: OutboundResponse) => Interpretation
}

export interface Destination {
  /** What rows name in `template_id`. */
  readonly id: string
  readonly name: string
  /** Raw inputs of a row that has none of its own; templates like a row's. */
  readonly defaults: Properties
  /** Whether the inputs of a row fit; the failure is one sentence, and the row is refused with it. */
  readonly check: (inputs: Inputs.Inputs) => Result.Result<void, string>
  /** Makes the request from resolved inputs; the failure is one sentence. */
  readonly prepare: (globals: Properties, inputs: Properties) => Result.Result<Delivery, string>
}

/** A row with its destination. */
export interface LoadedDestination {
  readonly function: HogFunction
  readonly destination: Destination
}

export const make = <Fields extends Schema.Struct.Fields>(self: {
  readonly id: string
  readonly name: string
  readonly inputs: InputSchema.InputSchema<Fields>
  readonly defaults?: Properties
  readonly request: (globals: Properties, inputs: Schema.Struct<Fields>["Type"]) => OutboundRequest
  readonly interpret: (response: OutboundResponse, inputs: Schema.Struct<Fields>["Type"]) => Interpretation
  readonly handling?: (inputs: Schema.Struct<Fields>["Type"]) => Handling
}): Destination => {
  const decode = InputSchema.decoder(self.inputs)
  return {
    id: self.id,
    name: self.name,
    defaults: self.defaults ?? {},
    check: (inputs) => Result.map(InputSchema.check(self.inputs, inputs), () => undefined),
    prepare: (globals, values) =>
      Result.map(decode(values), (inputs) => ({
        ...self.handling?.(inputs),
        request: self.request(globals, inputs),
        interpret: (response) => self.interpret(response, inputs)
      }))
  }
}
