/**
 * Several processes of one program that share its port, to use more than one core (`CAPTURE_PROCESSES`), by way
 * of Node's `cluster`. The first process serves nothing itself: it starts the others, starts again those that end unasked, hands
 * signals on, and tells their health and metrics as one, from its own start on.
 */
import cluster, { type Worker } from "node:cluster"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Answer, json } from "../http/Answer.ts"
import * as Readiness from "../http/Readiness.ts"
import * as Exposition from "./Exposition.ts"

/** A process could not start, or did not stay up. It has told why on its standard error. */
export class ProcessesError extends Schema.TaggedError<ProcessesError>()("ProcessesError", {
  message: Schema.String
}) {}

/** What a process tells the first one when it is asked. */
interface Told {
  readonly liveness: Answer
  readonly readiness: Answer
  readonly metrics: Answer
}

type Message = { readonly state: "reports" | "ready" } | { readonly question: number; readonly told: Told }

/** Whether this is one of several processes, not the first. */
export const isOneOfSeveral = (): boolean => cluster.isWorker

/** In one of several: answers the first one's questions until the scope closes. */
export const report = (status: Readiness.Status): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const onMessage = (message: { readonly question: number }) => {
      run(Effect.all({ ...status })).addObserver((exit) => {
        if (exit._tag === "Success") send({ question: message.question, told: exit.value })
      })
    }
    // The first process is gone: nobody would hand a signal on any more.
    const onDisconnect = () => void process.kill(process.pid, "SIGTERM")
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("message", onMessage).on("disconnect", onDisconnect)),
      () => Effect.sync(() => process.off("message", onMessage).off("disconnect", onDisconnect))
    )
    send({ state: "reports" })
  })

/** In one of several: says that it does its work. */
export const ready: Effect.Effect<void> = Effect.sync(() => send({ state: "ready" }))

const send = (message: Message): void => {
  if (process.connected) process.send?.(message)
}

interface Child {
  readonly worker: Worker
  /** It has come so far that it answers questions. */
  reports: boolean
  /** Succeeds when it is ready, fails when it ends before. */
  readonly ready: Deferred.Deferred<void, ProcessesError>
  readonly ended: Deferred.Deferred<void>
  readonly questions: Map<number, (told: Told | undefined) => void>
}

const spawn = (index: number): Child => {
  const child: Child = {
    worker: cluster.fork(),
    reports: false,
    ready: Deferred.makeUnsafe(),
    ended: Deferred.makeUnsafe(),
    questions: new Map()
  }
  child.worker.on("message", (message: Message) => {
    if ("question" in message) child.questions.get(message.question)?.(message.told)
    else if (message.state === "ready") Deferred.doneUnsafe(child.ready, Effect.void)
    else child.reports = true
  })
  child.worker.on("exit", () => {
    for (const answer of child.questions.values()) answer(undefined)
    Deferred.doneUnsafe(child.ended, Effect.void)
    Deferred.doneUnsafe(
      child.ready,
      Effect.fail(
        new ProcessesError({ message: `Process ${index} ended before it was ready; its line above says why.` })
      )
    )
  })
  return child
}

/** Undefined where it does not answer yet, nor within 2 s. */
const ask = (child: Child, question: number): Effect.Effect<Told | undefined> =>
  Effect.callback<Told | undefined>((resume) => {
    if (!child.reports || !child.worker.isConnected()) return resume(Effect.undefined)
    child.questions.set(question, (told) => resume(Effect.succeed(told)))
    child.worker.send({ question })
    return Effect.sync(() => child.questions.delete(question))
  }).pipe(
    Effect.timeoutOrElse({ duration: "2 seconds", orElse: () => Effect.undefined }),
    Effect.ensuring(Effect.sync(() => child.questions.delete(question)))
  )

export interface Processes {
  /** Of all: answers at once, before they run, too. */
  readonly status: Readiness.Status
  /**
   * Starts them and keeps them running until it is interrupted; then they are asked to stop, and waited for. Fails when a
   * process cannot start, or does not stay up: three starts in a row that ended before it was ready.
   */
  readonly run: Effect.Effect<never, ProcessesError>
}

/** Between starts of a process: none, then 1, 2, 4 … 30 s. */
const pause = (failures: number): Duration.Duration =>
  Duration.seconds(failures === 0 ? 0 : Math.min(30, 2 ** (failures - 1)))

/** So many processes of the running program. */
export const make = (count: number): Processes => {
  const indices = Array.from({ length: count }, (_, i) => i + 1)
  const children = new Map<number, Child>()
  let questions = 0

  const begin = (index: number): Effect.Effect<void, ProcessesError> =>
    Effect.suspend(() => {
      const child = spawn(index)
      children.set(index, child)
      return Deferred.await(child.ready)
    })

  const keep = Effect.fnUntraced(function* (index: number): Effect.fn.Return<never, ProcessesError> {
    let failures = 0
    for (;;) {
      const child = children.get(index)
      if (child !== undefined) yield* Deferred.await(child.ended)
      yield* Effect.logWarning("a process ended; another one takes its place", { process: index })
      yield* Effect.sleep(pause(failures))
      const again = yield* Effect.result(begin(index))
      failures = again._tag === "Success" ? 0 : failures + 1
      if (again._tag === "Failure" && failures === 3) return yield* again.failure
    }
  })

  const stop = Effect.suspend(() => {
    const running = [...children.values()]
    for (const { worker } of running) worker.process.kill("SIGTERM")
    return Effect.forEach(running, ({ ended }) => Deferred.await(ended), { discard: true })
  })

  // The first goes ahead, so that what is wrong for all is told once.
  const run = begin(1).pipe(
    Effect.andThen(
      Effect.forEach(indices, (index) => Effect.andThen(index === 1 ? Effect.void : begin(index), keep(index)), {
        concurrency: "unbounded",
        discard: true
      })
    ),
    Effect.andThen(Effect.never),
    Effect.ensuring(stop)
  )

  const tell = Effect.suspend(() =>
    Effect.forEach(
      indices,
      (index) => {
        const child = children.get(index)
        const told = child === undefined ? Effect.undefined : ask(child, ++questions)
        return Effect.map(told, (told) => [index, told] as const)
      },
      { concurrency: "unbounded" }
    )
  )
  return {
    run,
    status: {
      liveness: Effect.map(tell, (all) => worst(all.map(([, told]) => told?.liveness))),
      readiness: Effect.map(tell, (all) => worst(all.map(([process, told]) => told?.readiness ?? starting(process)))),
      metrics: Effect.map(tell, (all) =>
        Readiness.exposition(
          Exposition.merge(all.flatMap(([process, told]) => (told === undefined ? [] : [[process, told.metrics.body]])))
        )
      )
    }
  }
}

/** Of a process that says nothing yet. */
const starting = (process: number): Answer =>
  json(503, { status: "not ready", reasons: [{ engine: "the program", reason: "it is starting", process }] })

/** The first answer that is not 200. A process that says nothing is busy with starting, which is no reason to kill it. */
const worst = (answers: ReadonlyArray<Answer | undefined>): Answer => {
  const known = answers.filter((answer) => answer !== undefined)
  return known.find(({ status }) => status !== 200) ?? known[0] ?? json(200, { status: "ok" })
}
