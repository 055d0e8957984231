/** What a case is: it measures, checks that both sides did the same work, and says what came of it. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Child, ChildError, NoQuestions } from "./process/Child.ts"
import * as Profile from "./process/Profile.ts"
import type { Result } from "./Result.ts"

export interface Options {
  readonly rounds: number
  /** Folder for profiles of the measured processes; each is taken over all rounds. */
  readonly profileTo: string | undefined
}

export interface Finding {
  /** Undefined where nothing is compared. */
  readonly result: Result | undefined
  /** Further lines for people. */
  readonly notes: ReadonlyArray<string>
}

/** The two sides did not do the same work, so their figures must not be compared. */
export class Unequal extends Data.TaggedError("Unequal")<{
  readonly what: string
  readonly sides: ReadonlyArray<string>
}> {
  override get message(): string {
    return `${this.what}: ${this.sides.join(" against ")}`
  }
}

/** Fails unless all sides say the same. */
export const same = (what: string, ...sides: ReadonlyArray<unknown>): Effect.Effect<void, Unequal> => {
  const texts = sides.map((side) => JSON.stringify(side))
  return texts.every((text) => text === texts[0]) ? Effect.void : Effect.fail(new Unequal({ what, sides: texts }))
}

/** Takes a profile of a process while something runs, where profiles are wanted; answers with its summary. */
export const profiled = <A, E, R>(
  { profileTo }: Options,
  name: string,
  child: Child<NoQuestions, unknown>,
  work: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, ReadonlyArray<string>], E | ChildError, R> =>
  Effect.gen(function* () {
    if (profileTo === undefined) return [yield* work, []]
    mkdirSync(profileTo, { recursive: true })
    const file = join(profileTo, `${name}.cpuprofile`)
    yield* child.ask("startProfile")
    const result = yield* work
    yield* child.ask("stopProfile", file)
    return [result, [`profile of ${name}: ${file}`, ...Profile.summarise(file)]]
  })
