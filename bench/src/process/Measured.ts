/**
 * The measured side: a process that answers questions of the bench that started it.
 *
 * Loaded ahead of any program (`node --import`), it tells of processor time and memory and takes profiles, so that programs
 * that know nothing of the bench can be measured. Programs of the bench add answers of their own.
 */
import { writeFileSync } from "node:fs"
import { Session } from "node:inspector"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Name → question and answer. */
export interface Questions {
  /** Microseconds of processor time so far, of all threads of this process. */
  readonly cpu: readonly [undefined, number]
  /** Bytes, after a full collection. */
  readonly memory: readonly [undefined, { readonly rss: number; readonly heap: number; readonly external: number }]
  readonly startProfile: readonly [undefined, null]
  /** Writes the profile to this file. */
  readonly stopProfile: readonly [string, null]
}

export type Message =
  | { readonly _tag: "Ready"; readonly info: unknown }
  | { readonly _tag: "Answer"; readonly id: number; readonly answer: unknown }
  | { readonly _tag: "Failure"; readonly id: number; readonly reason: string }

export interface Question {
  readonly id: number
  readonly name: string
  readonly question: unknown
}

type Answer = (question: never) => unknown

const cpu = (): number => {
  const { system, user } = process.cpuUsage()
  return user + system
}

const memory = () => {
  globalThis.gc?.()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { rss, heap: heapUsed, external }
}

let session: Session | undefined

const post = (method: string): Promise<object | undefined> =>
  new Promise((resolve, reject) => {
    session ??= new Session()
    session.post(method, undefined, (error: Error | null, result?: object) => (error ? reject(error) : resolve(result)))
  })

const startProfile = async () => {
  session = new Session()
  session.connect()
  await post("Profiler.enable")
  await post("Profiler.start")
  return null
}

const stopProfile = async (file: string) => {
  const result = await post("Profiler.stop")
  session?.disconnect()
  writeFileSync(file, JSON.stringify(result !== undefined && "profile" in result ? result.profile : {}))
  return null
}

const answers = new Map<string, Answer>([
  ["cpu", cpu],
  ["memory", memory],
  ["startProfile", startProfile],
  ["stopProfile", stopProfile]
])

/** Adds answers. */
export const answer = <Q extends Record<string, readonly [unknown, unknown]>>(
  more: {
    readonly [Name in keyof Q]: (question: Q[Name][0]) => Q[Name][1] | Promise<Q[Name][1]>
  }
): void => {
  for (const [name, one] of Object.entries(more)) answers.set(name, one)
}

const say = (message: Message): void => void process.send?.(message)

const respond = async ({ id, name, question }: Question): Promise<void> => {
  try {
    const one = answers.get(name)
    if (one === undefined) throw new Error(`nothing answers ${name}`)
    say({ _tag: "Answer", id, answer: await one(question as never) })
  } catch (cause) {
    say({ _tag: "Failure", id, reason: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) })
  }
}

/** Tells the bench that this program may be used, and where. */
export const ready = (info: unknown): void => say({ _tag: "Ready", info })

/** Runs a program whose resources live as long as the process; `ready` is told what it succeeds with. */
export const run = <A, E>(program: Effect.Effect<A, E, Scope.Scope>): void => {
  const forever = Effect.andThen(Effect.map(program, ready), Effect.never)
  Effect.runFork(
    Effect.tapCause(Effect.scoped(forever), (cause) =>
      Effect.andThen(
        Effect.logError("a program of the bench failed", cause),
        Effect.sync(() => process.exit(1))
      )
    )
  )
}

if (process.send !== undefined) {
  process.on("message", (message) => void respond(message as Question))
  // A bench that died wants no answers.
  process.on("disconnect", () => process.exit(1))
}
