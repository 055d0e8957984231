/**
 * Transformations: the only place where an event may be changed or dropped (spec cdp 2, 5.2).
 *
 * A transformation is a value: an id, a schema of its inputs, and what it does. `make` takes a plain function per event,
 * which is what nearly all want; `makeBatch` an effect per batch, for what must ask the world. One that needs a service
 * is made by an effect: it takes the service then, and stays a plain function per event (see `GeoIp.make`).
 */

import type { Properties } from "@tributary/domain/event/Properties"
import * as Globals from "@tributary/domain/function/Globals"
import * as Inputs from "@tributary/domain/function/Inputs"
import type * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as InputSchema from "./InputSchema.ts"

/** An event as transformations see it. */
export interface TransformationEvent {
  readonly uuid: string
  readonly event: string
  readonly distinctId: string
  readonly properties: Properties
  /** Follows `$ip`: null where a transformation leaves none. */
  readonly ip: string | null
  /** ISO 8601, or empty. */
  readonly timestamp: string
}

/** What may be changed. `properties` replace all that were there. */
export interface Patch {
  readonly event?: string
  readonly distinctId?: string
  readonly properties?: Properties
}

/** What a transformation says of an event. Nothing is dropped by forgetting to answer. */
export type Outcome =
  | { readonly _tag: "Keep"; readonly patch: Patch }
  | { readonly _tag: "Unchanged" }
  | { readonly _tag: "Drop"; readonly reason: string }
  /** It could not do its work; the event goes on as it was. */
  | { readonly _tag: "Failed"; readonly problem: string }

export const keep = (patch: Patch): Outcome => ({ _tag: "Keep", patch })
export const unchanged: Outcome = { _tag: "Unchanged" }
export const drop = (reason: string): Outcome => ({ _tag: "Drop", reason })
export const failed = (problem: string): Outcome => ({ _tag: "Failed", problem })

/** A transformation with the inputs of one row. */
export type Program =
  | { readonly _tag: "PerEvent"; readonly run: (event: TransformationEvent) => Outcome }
  | {
      readonly _tag: "PerBatch"
      /** Answers with one outcome an event, in their order. */
      readonly run: (events: ReadonlyArray<TransformationEvent>) => Effect.Effect<ReadonlyArray<Outcome>>
    }

/** Of the project, what templates can name. */
export interface ProjectGlobals {
  readonly id: number
  /** The site's address. */
  readonly url: string
}

export interface Transformation {
  /** What rows name in `template_id`. */
  readonly id: string
  readonly name: string
  /** Takes the inputs of a row; the failure is one sentence, and the row is refused with it. */
  readonly load: (inputs: Inputs.Inputs, project: ProjectGlobals) => Result.Result<Program, string>
}

interface Description<Fields extends Schema.Struct.Fields> {
  readonly id: string
  readonly name: string
  readonly inputs: InputSchema.InputSchema<Fields>
}

/** The inputs for an event: decoded once where they do not depend on it. */
type Reader<I> = (event: TransformationEvent) => Result.Result<I, string>

const reader = <Fields extends Schema.Struct.Fields>(
  schema: InputSchema.InputSchema<Fields>,
  inputs: Inputs.Inputs,
  project: ProjectGlobals
): Result.Result<Reader<Schema.Struct<Fields>["Type"]>, string> =>
  Result.map(InputSchema.check(schema, inputs), (decode) => {
    if (!inputs.isLiteral) return (event) => decode(Inputs.resolve(inputs, Globals.ofTransformation(event, project)))
    const decoded = decode(Inputs.resolve(inputs, {}))
    return () => decoded
  })

/** A transformation that is a plain function. What it throws counts as failed. */
export const make = <Fields extends Schema.Struct.Fields>(
  self: Description<Fields> & {
    readonly run: (event: TransformationEvent, inputs: Schema.Struct<Fields>["Type"]) => Outcome
  }
): Transformation => ({
  id: self.id,
  name: self.name,
  load: (inputs, project) =>
    Result.map(reader(self.inputs, inputs, project), (read) => ({
      _tag: "PerEvent",
      run: (event) => {
        const values = read(event)
        return Result.isFailure(values) ? failed(values.failure) : self.run(event, values.success)
      }
    }))
})

/**
 * A transformation that is an effect, run once for all events of a batch that reach it (of one project, in log order). It
 * answers with one outcome an event. A defect, or no answer in 550 ms, counts as failed for all of them.
 */
export const makeBatch = <Fields extends Schema.Struct.Fields>(
  self: Description<Fields> & {
    readonly run: (
      events: ReadonlyArray<{ readonly event: TransformationEvent; readonly inputs: Schema.Struct<Fields>["Type"] }>
    ) => Effect.Effect<ReadonlyArray<Outcome>>
  }
): Transformation => ({
  id: self.id,
  name: self.name,
  load: (inputs, project) =>
    Result.map(reader(self.inputs, inputs, project), (read) => ({
      _tag: "PerBatch",
      run: (events) => InputSchema.runReadable(events, read, failed, self.run)
    }))
})

/** The schema of a transformation without inputs. */
export const noInputs = Schema.Struct({})
