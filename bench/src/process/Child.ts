/** The bench's side of a measured process: started, asked, profiled, and ended with the scope. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Message, Questions } from "./Measured.ts"

export class ChildError extends Data.TaggedError("ChildError")<{ readonly program: string; readonly reason: string }> {
  override get message(): string {
    return `${this.program}: ${this.reason}`
  }
}

type Asks = Record<string, readonly [unknown, unknown]>

/** Those of a program that answers nothing beside `Questions`. */
export type NoQuestions = Record<never, never>

/** A running process. `Info` is what it said when it was ready. */
export interface Child<Q extends Asks, Info> {
  readonly info: Info
  readonly ask: <Name extends keyof (Q & Questions) & string>(
    name: Name,
    ...question: (Q & Questions)[Name][0] extends undefined ? [] : [question: (Q & Questions)[Name][0]]
  ) => Effect.Effect<(Q & Questions)[Name][1], ChildError>
}

export interface Options {
  readonly environment?: Readonly<Record<string, string>>
  readonly nodeOptions?: ReadonlyArray<string>
  /** Does not say that it is ready; the caller finds out otherwise. */
  readonly isForeign?: boolean
}

const measured = fileURLToPath(new URL("./Measured.ts", import.meta.url))

/** A program of the bench, or any other, from its TypeScript file. What ours print goes to standard error, as all errors do. */
export const start = <Q extends Asks, Info>(
  file: URL,
  { environment = {}, isForeign = false, nodeOptions = [] }: Options = {}
): Effect.Effect<Child<Q, Info>, ChildError, Scope.Scope> =>
  Effect.gen(function* () {
    const program = fileURLToPath(file)
    const ready = yield* Deferred.make<Info, ChildError>()
    const asked = new Map<number, Deferred.Deferred<unknown, ChildError>>()
    const ended = (reason: string): void => {
      const error = new ChildError({ program, reason })
      Deferred.doneUnsafe(ready, Effect.fail(error))
      for (const answer of asked.values()) Deferred.doneUnsafe(answer, Effect.fail(error))
    }
    const heard = (message: Message): void => {
      if (message._tag === "Ready") {
        // What a program says when it is ready is typed by whoever starts it.
        Deferred.doneUnsafe(ready, Effect.succeed(message.info as Info))
        return
      }
      const answer = asked.get(message.id)
      asked.delete(message.id)
      if (answer === undefined) return
      const { _tag } = message
      Deferred.doneUnsafe(
        answer,
        _tag === "Answer"
          ? Effect.succeed(message.answer)
          : Effect.fail(new ChildError({ program, reason: message.reason }))
      )
    }
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const started = fork(program, [], {
          execArgv: ["--import", measured, "--expose-gc", ...nodeOptions],
          env: { ...process.env, ...environment },
          serialization: "advanced",
          stdio: ["ignore", isForeign ? "ignore" : 2, 2, "ipc"]
        })
        started.on("message", (message) => heard(message as Message))
        started.once("error", (error) => ended(error.message))
        started.once("exit", (code, signal) => ended(`it ended (${signal ?? code})`))
        return started
      }),
      stop
    )
    const info = isForeign ? (undefined as Info) : yield* Deferred.await(ready)
    let next = 0
    const ask = (name: string, question: unknown) =>
      Effect.suspend(() => {
        const id = next++
        const answer = Deferred.makeUnsafe<unknown, ChildError>()
        asked.set(id, answer)
        child.send({ id, name, question })
        return Deferred.await(answer)
      })
    return { info, ask: (name, ...question) => ask(name, question[0]) as Effect.Effect<never, ChildError> }
  })

/** In order, within 15 s. */
const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000)
    child.once("exit", () => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    child.kill("SIGTERM")
  })

/** Seconds of processor time that processes spend while something runs, and what that comes to. */
export const spending = <A, E, R>(
  children: ReadonlyArray<Child<NoQuestions, unknown>>,
  work: Effect.Effect<A, E, R>
): Effect.Effect<{ readonly result: A; readonly coreSeconds: number }, E | ChildError, R> =>
  Effect.gen(function* () {
    const cpu = Effect.map(
      Effect.forEach(children, (child) => child.ask("cpu")),
      (all) => all.reduce((sum, one) => sum + one, 0)
    )
    const before = yield* cpu
    const result = yield* work
    const after = yield* cpu
    return { result, coreSeconds: (after - before) / 1e6 }
  })
