/**
 * Several processes of one program that share its port, to use more than one core (`CAPTURE_PROCESSES`), by way
 * of Node's `cluster`. The first process serves nothing itself: it starts the others, starts again those that end unasked, hands
 * signals on, and tells their health and metrics as one, from its own start on.
 */
import cluster, { type Worker } from "node:cluster"
import { InHand } from "@tributary/pipeline/service/InHand"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Answer, json } from "../http/Answer.ts"
import * as Readiness from "../http/Readiness.ts"
import * as Exposition from "./Exposition.ts"
import { keepRunning } from "./KeepRunning.ts"
import { stopWithinMs } from "./Program.ts"

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
  /** Succeeds with its exit code, or the signal that ended it. */
  readonly ended: Deferred.Deferred<number | string>
  /** When it was asked the first question that it has not answered, nor any after it. Milliseconds since the epoch. */
  silentSince: number | undefined
  readonly questions: Map<number, (told: Told | undefined) => void>
}

const spawn = (index: number): Child => {
  const child: Child = {
    worker: cluster.fork(),
    reports: false,
    ready: Deferred.makeUnsafe(),
    ended: Deferred.makeUnsafe(),
    silentSince: undefined,
    questions: new Map()
  }
  child.worker.on("message", (message: Message) => {
    if ("question" in message) child.questions.get(message.question)?.(message.told)
    else if (message.state === "ready") Deferred.doneUnsafe(child.ready, Effect.void)
    else child.reports = true
  })
  child.worker.on("exit", (code: number | null, signal: string) => {
    for (const answer of child.questions.values()) answer(undefined)
    Deferred.doneUnsafe(child.ended, Effect.succeed(code ?? signal))
    Deferred.doneUnsafe(
      child.ready,
      Effect.fail(
        new ProcessesError({ message: `Process ${index} ended before it was ready; its line above says why.` })
      )
    )
  })
  return child
}

/** What a process was heard to say. */
interface Heard {
  readonly process: number
  readonly told: Told | undefined
  /** For so many milliseconds it has answered nothing; undefined = it does, or it is starting. */
  readonly silentMs: number | undefined
}

/** Has 2 s to answer. */
const ask = (child: Child, question: number): Effect.Effect<Told | undefined> =>
  Effect.callback<Told | undefined>((resume) => {
    child.questions.set(question, (told) => resume(Effect.succeed(told)))
    child.worker.send({ question })
    return Effect.sync(() => child.questions.delete(question))
  }).pipe(
    Effect.timeoutOrElse({ duration: "2 seconds", orElse: () => Effect.undefined }),
    Effect.ensuring(Effect.sync(() => child.questions.delete(question)))
  )

const hear = (process: number, child: Child | undefined, question: number): Effect.Effect<Heard> =>
  Effect.gen(function* () {
    const answers = child?.reports === true && child.worker.isConnected()
    if (!answers) return { process, told: undefined, silentMs: undefined }
    const askedAt = yield* Clock.currentTimeMillis
    const told = yield* ask(child, question)
    child.silentSince = told === undefined ? (child.silentSince ?? askedAt) : undefined
    const now = yield* Clock.currentTimeMillis
    return { process, told, silentMs: child.silentSince === undefined ? undefined : now - child.silentSince }
  })

export interface Processes {
  /** Of all: answers at once, before they run, too. */
  readonly status: Readiness.Status
  /**
   * Starts them and keeps them running until it is interrupted; then they are asked to stop, and waited for. One that has work left
   * when it ends counts as left in hand. Fails when a process cannot start, or does not stay up: three starts in a row that
   * ended before it was ready.
   */
  readonly run: Effect.Effect<never, ProcessesError>
}

export interface Options {
  /** A process that says nothing for longer does not live; 60,000 by default, as for loops. */
  readonly silentForMs?: number
  /** What does not stop is killed then; by default so early that this process still ends in time. */
  readonly killAfterMs?: number
}

/** So many processes of the running program. */
export const make = (
  count: number,
  { killAfterMs = stopWithinMs - 1_000, silentForMs = 60_000 }: Options = {}
): Processes => {
  const indices = Array.from({ length: count }, (_, i) => i + 1)
  const children = new Map<number, Child>()
  let questions = 0

  const stop = Effect.gen(function* () {
    const { add } = yield* InHand
    const running = [...children.values()].filter(({ worker }) => !worker.isDead())
    const signal = (name: NodeJS.Signals) => {
      for (const { worker } of running) if (!worker.isDead()) worker.process.kill(name)
    }
    const ended = Effect.forEach(running, (child) => Deferred.await(child.ended))
    signal("SIGTERM")
    const inTime = yield* Effect.timeoutOption(ended, killAfterMs)
    if (inTime._tag === "None") signal("SIGKILL")
    // One that was just being started dies of the signal itself.
    for (const how of yield* ended) if (how !== 0 && how !== "SIGTERM") add("process", 1)
  })

  const run = Effect.gen(function* () {
    const first = yield* Deferred.make<void>()
    const live = (index: number) => (ready: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const child = spawn(index)
        children.set(index, child)
        yield* Deferred.await(child.ready)
        yield* ready
        yield* Deferred.succeed(first, undefined)
        return String(yield* Deferred.await(child.ended))
      })
    // The first goes ahead, so that what is wrong for all is told once.
    const keep = (index: number) =>
      Effect.andThen(index === 1 ? Effect.void : Deferred.await(first), keepRunning(`process ${index}`, live(index)))
    yield* Effect.forEach(indices, keep, { concurrency: "unbounded", discard: true })
    return yield* Effect.never
  }).pipe(Effect.ensuring(stop))

  const heard = Effect.suspend(() =>
    Effect.forEach(indices, (index) => hear(index, children.get(index), ++questions), { concurrency: "unbounded" })
  )
  return {
    run,
    status: {
      liveness: Effect.map(heard, (all) => {
        const stalled = all.filter(({ silentMs = 0 }) => silentMs > silentForMs)
        if (stalled.length === 0) return worst(all.flatMap(({ told }) => (told === undefined ? [] : [told.liveness])))
        return json(503, { status: "stalled", processes: stalled.map(({ process }) => process) })
      }),
      readiness: Effect.map(heard, (all) => worst(all.map((one) => one.told?.readiness ?? silent(one)))),
      metrics: Effect.map(heard, (all) =>
        Readiness.exposition(
          Exposition.merge(
            all.flatMap(({ process, told }) => (told === undefined ? [] : [[process, told.metrics.body]]))
          )
        )
      )
    }
  }
}

const silent = ({ process, silentMs }: Heard): Answer => {
  const reason = silentMs === undefined ? "it is starting" : "it does not answer"
  return json(503, { status: "not ready", reasons: [{ engine: "the program", reason, process }] })
}

/** The first answer that is not 200. */
const worst = (answers: ReadonlyArray<Answer>): Answer =>
  answers.find(({ status }) => status !== 200) ?? answers[0] ?? json(200, { status: "ok" })
