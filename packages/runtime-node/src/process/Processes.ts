/**
 * Several processes of one program that share its port, to use more than one core (`CAPTURE_PROCESSES`), by way
 * of Node's `cluster`. The first process serves nothing itself: it starts the others, starts again those that end unasked, hands
 * signals on, and tells their health and metrics as one.
 */
import cluster, { type Worker } from "node:cluster"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Answer, json } from "../http/Answer.ts"
import type { Status } from "../http/Readiness.ts"
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

type Message = { readonly ready: true } | { readonly question: number; readonly told: Told }

/** Whether this is one of several processes, not the first. */
export const isOneOfSeveral = (): boolean => cluster.isWorker

/** In one of several: says that it is ready, and answers the first one's questions until the scope closes. */
export const report = (status: Status): Effect.Effect<void, never, Scope.Scope> =>
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
    send({ ready: true })
  })

const send = (message: Message): void => {
  if (process.connected) process.send?.(message)
}

interface Child {
  readonly worker: Worker
  /** Succeeds when it is ready, fails when it ends before. */
  readonly ready: Deferred.Deferred<void, ProcessesError>
  readonly ended: Deferred.Deferred<void>
  readonly questions: Map<number, (told: Told | undefined) => void>
}

const spawn = (index: number): Child => {
  const child: Child = {
    worker: cluster.fork(),
    ready: Deferred.makeUnsafe(),
    ended: Deferred.makeUnsafe(),
    questions: new Map()
  }
  child.worker.on("message", (message: Message) => {
    if ("ready" in message) Deferred.doneUnsafe(child.ready, Effect.void)
    else child.questions.get(message.question)?.(message.told)
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

/** Undefined where it does not answer within 2 s. */
const ask = (child: Child, question: number): Effect.Effect<Told | undefined> =>
  Effect.callback<Told | undefined>((resume) => {
    child.questions.set(question, (told) => resume(Effect.succeed(told)))
    if (child.worker.isConnected()) child.worker.send({ question })
    else resume(Effect.undefined)
    return Effect.sync(() => child.questions.delete(question))
  }).pipe(
    Effect.timeoutOrElse({ duration: "2 seconds", orElse: () => Effect.undefined }),
    Effect.ensuring(Effect.sync(() => child.questions.delete(question)))
  )

export interface Processes {
  readonly status: Status
  /** Fails when a process does not stay up: three starts in a row that ended before it was ready. */
  readonly lost: Effect.Effect<never, ProcessesError>
}

/** Between starts of a process: none, then 1, 2, 4 … 30 s. */
const pause = (failures: number): Duration.Duration =>
  Duration.seconds(failures === 0 ? 0 : Math.min(30, 2 ** (failures - 1)))

/**
 * Starts so many processes of the running program, and returns when all are ready. The first goes ahead, so that what is wrong
 * for all is told once. They are asked to stop when the scope closes, and waited for.
 */
export const start = (count: number): Effect.Effect<Processes, ProcessesError, Scope.Scope> =>
  Effect.gen(function* () {
    const children = new Map<number, Child>()
    const lost = yield* Deferred.make<never, ProcessesError>()
    let isStopping = false
    let questions = 0

    const begin = (index: number): Effect.Effect<Child, ProcessesError> =>
      Effect.suspend(() => {
        const child = spawn(index)
        children.set(index, child)
        return Effect.as(Deferred.await(child.ready), child)
      })

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        isStopping = true
        const running = [...children.values()]
        for (const { worker } of running) worker.process.kill("SIGTERM")
        return Effect.forEach(running, ({ ended }) => Deferred.await(ended), { discard: true })
      })
    )

    const keep = (index: number): Effect.Effect<void, ProcessesError> =>
      Effect.gen(function* () {
        let failures = 0
        for (;;) {
          const child = children.get(index)
          if (child !== undefined) yield* Deferred.await(child.ended)
          if (isStopping) return
          yield* Effect.logWarning("a process ended; another one takes its place", { process: index })
          yield* Effect.sleep(pause(failures))
          const again = yield* Effect.result(begin(index))
          failures = again._tag === "Success" ? 0 : failures + 1
          if (again._tag === "Failure" && failures === 3) return yield* again.failure
        }
      })

    for (let index = 1; index <= count; index++) {
      yield* begin(index)
      yield* Effect.forkScoped(Effect.catch(keep(index), (error) => Effect.asVoid(Deferred.fail(lost, error))))
    }

    const tell = Effect.suspend(() =>
      Effect.forEach(
        [...children],
        ([index, child]) => Effect.map(ask(child, ++questions), (told) => [index, told] as const),
        { concurrency: "unbounded" }
      )
    )
    return {
      lost: Deferred.await(lost),
      status: {
        liveness: Effect.map(tell, (all) => worst(all.map(([, told]) => told?.liveness))),
        readiness: Effect.map(tell, (all) =>
          worst(
            all.map(
              ([process, told]) =>
                told?.readiness ?? json(503, { status: "not ready", reasons: [{ process, reason: "it is starting" }] })
            )
          )
        ),
        metrics: Effect.map(tell, (all) => {
          const answered = all.flatMap(([process, told]) =>
            told === undefined ? [] : [[process, told.metrics] as const]
          )
          return {
            status: 200,
            body: Exposition.merge(answered.map(([process, { body }]) => [process, body] as const)),
            ...(answered[0]?.[1].contentType === undefined ? {} : { contentType: answered[0][1].contentType })
          }
        })
      }
    }
  })

/** The first answer that is not 200. A process that says nothing is busy with starting, which is no reason to kill it. */
const worst = (answers: ReadonlyArray<Answer | undefined>): Answer => {
  const known = answers.filter((answer) => answer !== undefined)
  return known.find(({ status }) => status !== 200) ?? known[0] ?? json(200, { status: "ok" })
}
