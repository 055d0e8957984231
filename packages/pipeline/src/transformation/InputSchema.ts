/** What a program of ours says about its inputs: one schema that checks, decodes and documents them (spec cdp 5.2). */
import * as Inputs from "@tributary/domain/function/Inputs"
import * as Refusal from "@tributary/domain/function/Refusal"
import * as Template from "@tributary/domain/function/Template"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"

/** A struct that decodes by itself, without services. */
export type InputSchema<Fields extends Schema.Struct.Fields> = Schema.Struct<Fields> &
  Schema.ConstraintDecoder<Schema.Struct<Fields>["Type"]>

export type Decode<I> = (values: unknown) => Result.Result<I, string>

export const decoder = <Fields extends Schema.Struct.Fields>(
  schema: InputSchema<Fields>
): Decode<Schema.Struct<Fields>["Type"]> => {
  const decode = Schema.decodeUnknownResult(schema)
  return (values) => Result.mapError(decode(values), (error) => `inputs: ${Refusal.oneLine(error.message)}`)
}

/**
 * The decoder of a row's inputs, once they are known to fit: every required one is there, and those that do not depend
 * on an event have the right type. The others are checked with each event.
 */
export const check = <Fields extends Schema.Struct.Fields>(
  schema: InputSchema<Fields>,
  inputs: Inputs.Inputs
): Result.Result<Decode<Schema.Struct<Fields>["Type"]>, string> => {
  const varying = inputs.entries.filter(([, template]) => !Template.isLiteral(template)).map(([key]) => key)
  const fixed: Schema.Struct<Schema.Struct.Fields> = Schema.Struct(Struct.omit(schema.fields, varying))
  const values = Inputs.resolve({ ...inputs, entries: inputs.entries.filter(([key]) => !varying.includes(key)) }, {})
  const checked = Schema.decodeUnknownResult(fixed as InputSchema<Schema.Struct.Fields>)(values as unknown)
  if (Result.isFailure(checked)) return Result.fail(Refusal.oneLine(checked.failure.message))
  return Result.succeed(decoder(schema))
}

/** Runs `run` on the events whose inputs can be read, and puts each answer in its place. */
export const runReadable = <E, I, A>(
  events: ReadonlyArray<E>,
  read: (event: E) => Result.Result<I, string>,
  unreadable: (problem: string) => A,
  run: (readable: ReadonlyArray<{ readonly event: E; readonly inputs: I }>) => Effect.Effect<ReadonlyArray<A>>
): Effect.Effect<ReadonlyArray<A>> => {
  const inputs = events.map(read)
  const readable = events.flatMap((event, i) => {
    const value = inputs[i]
    return value !== undefined && Result.isSuccess(value) ? [{ event, inputs: value.success }] : []
  })
  return Effect.map(run(readable), (answers) => {
    let taken = 0
    return inputs.map((value) => {
      if (Result.isFailure(value)) return unreadable(value.failure)
      return answers[taken++] ?? unreadable("it answered with fewer outcomes than it got events")
    })
  })
}
