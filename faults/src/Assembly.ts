/** An assembly of Tributary that runs on this machine and can be hurt: what the suite needs to know of it. */
import type { Chance } from "@tributary/pipeline/simulate/machine/Chance"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export class AssemblyError extends Data.TaggedError("AssemblyError")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

export interface Assembly<Kind extends string = string> {
  /** `http://host:port` of each capture. */
  readonly captures: ReadonlyArray<string>
  /** The token of the project that the load is for. */
  readonly token: string
  readonly databaseUrl: string
  readonly clickhouseUrl: string
  /** Waits until events are taken; at the first start of all. */
  readonly ready: Effect.Effect<void>
  /**
   * Does the harm, and whatever must be done by hand for things to work again, such as a start. Waits for its victim where that
   * does not run just now. Answers with what was done, in a few words.
   */
  readonly inject: Readonly<Record<Kind, (chance: Chance) => Effect.Effect<string, AssemblyError>>>
  /** Fails when a part of it ends that nobody ended. */
  readonly failure: Effect.Effect<never, AssemblyError>
  /** What is on its way still: a line for each place where something waits. */
  readonly waiting: Effect.Effect<ReadonlyArray<string>, AssemblyError>
  /** Uuids of the events in the log of captured events, by partition, in the log's order. */
  readonly log: Effect.Effect<ReadonlyArray<ReadonlyArray<string>>, AssemblyError>
}

/** How an assembly is brought up, in a folder of its own, until the scope closes. */
export interface Definition<Kind extends string = string> {
  readonly kinds: ReadonlyArray<Kind>
  readonly start: (folder: string) => Effect.Effect<Assembly<Kind>, AssemblyError, Scope.Scope>
}
