/**
 * The event log over the network: the log in memory, whose members are the sessions of processes. A session ends some time after its
 * process died, and while it is stopped for longer than a broker's patience; who finds its session ended joins anew.
 */
import type { Position } from "@tributary/domain/event/Position"
import * as Topics from "@tributary/domain/row/Topics"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as EventLog from "../../service/EventLog.ts"
import { header, type LogMessage } from "../../service/LogMessage.ts"
import * as EventLogMemory from "../../service/memory/EventLogMemory.ts"
import { Producer, ProducerError } from "../../service/Producer.ts"
import type { Flaws } from "../Flaws.ts"
import type { Chance } from "../machine/Chance.ts"
import type { Machine, Process } from "../machine/Machine.ts"
import type { Network, Server } from "./Network.ts"

interface Session {
  readonly process: Process
  readonly scope: Scope.Closeable
  readonly subscription: EventLog.Subscription
  isEnded: boolean
  /** The process has heard that it is a member. */
  isKnown: boolean
  /** Polls that wait, to be told when it ends. */
  readonly polls: Set<() => void>
}

const cause = new Error("the connection to the broker broke")
const away = () => new ProducerError({ reason: "Unavailable", cause })
const full = () => new ProducerError({ reason: "Full", cause: new Error("the buffer is full") })
const logError = (operation: string) => () => new EventLog.EventLogError({ operation, cause })

export class SimLog {
  readonly server: Server = { name: "log", awayUntil: 0 }
  readonly memory: EventLogMemory.MemoryLog
  readonly #machine: Machine
  readonly #network: Network
  readonly #chance: Chance
  readonly #run: <A, E>(effect: Effect.Effect<A, E>, answer: (exit: Exit.Exit<A, E>) => void) => () => void
  readonly #sessionMs: number
  readonly #flaws: Flaws
  readonly #sessions = new Set<Session>()
  readonly #groups = new Set<string>()
  /** Uuids of the events that it holds, and the source positions, `partition:offset`, of its dead letters. */
  readonly events = new Set<string>()
  readonly letters = new Set<string>()
  /** Called when a group commits, with the positions, before it counts. */
  onCommit: (group: string, positions: ReadonlyArray<Position>) => void = () => {}

  /** `run` runs an effect on the server's side, and answers with what interrupts it. */
  constructor(options: {
    readonly machine: Machine
    readonly network: Network
    readonly chance: Chance
    readonly flaws: Flaws
    readonly partitions: number
    readonly sessionMs: number
    readonly run: <A, E>(effect: Effect.Effect<A, E>, answer: (exit: Exit.Exit<A, E>) => void) => () => void
  }) {
    this.memory = EventLogMemory.make({ partitions: options.partitions, handOverMs: options.sessionMs })
    this.#machine = options.machine
    this.#network = options.network
    this.#chance = options.chance
    this.#sessionMs = options.sessionMs
    this.#flaws = options.flaws
    this.#run = options.run
  }

  producer(process: Process): Producer["Service"] {
    return Producer.of({
      send: (messages) =>
        messages.length === 0
          ? Effect.succeed([])
          : this.#network.call({
              from: process,
              to: this.server,
              // What capture sends, and what workers send, are told apart so that faults can be aimed at either.
              name: messages[0]?.topic === Topics.events ? "append" : "send",
              detail: messages.map(({ topic }) => topic).join(" "),
              lost: away,
              refused: full,
              serve: (answer) => {
                if (this.#flaws.has("log acknowledges early") && this.#chance.happens(0.05)) {
                  return void answer(Exit.succeed([]))
                }
                return this.#run(
                  Effect.tap(this.memory.send(messages), () => this.#appended(messages)),
                  answer
                )
              }
            })
    })
  }

  #appended(messages: ReadonlyArray<LogMessage>): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const { headers, key, topic } of messages) {
        if (topic === Topics.clickhouseEvents) this.events.add(String(key))
        if (topic === Topics.deadLetters) {
          this.letters.add(`${header(headers, "dlq_partition")}:${header(headers, "dlq_offset")}`)
        }
      }
    })
  }

  eventLog(process: Process): EventLog.EventLog["Service"] {
    const call = <A>(name: string, effect: Effect.Effect<A, EventLog.EventLogError>, detail = "") =>
      this.#network.call<A, EventLog.EventLogError>({
        from: process,
        to: this.server,
        name,
        detail,
        lost: logError(name),
        refused: logError(name),
        serve: (answer) => this.#run(effect, answer)
      })

    const join = (options: EventLog.SubscribeOptions) =>
      Effect.gen({ self: this }, function* () {
        this.#groups.add(options.group)
        const scope = yield* Scope.make()
        const subscription = yield* Scope.provide(this.memory.subscribe(options), scope)
        const session: Session = { process, scope, subscription, isEnded: false, isKnown: false, polls: new Set() }
        this.#sessions.add(session)
        // A member that never heard so does not tell the broker that it is alive.
        this.#machine.after(this.#sessionMs, () => {
          if (!session.isKnown) this.#end(session)
        })
        return session
      })

    const joined = (options: EventLog.SubscribeOptions) =>
      Effect.map(call("join", join(options), options.group), (session) => {
        session.isKnown = true
        return session
      })

    return EventLog.EventLog.of({
      subscribe: Effect.fnUntraced({ self: this }, function* (options: EventLog.SubscribeOptions) {
        let session = yield* joined(options)
        const owned = new Map<string, { readonly topic: string; readonly partition: number }>()
        yield* Effect.addFinalizer(() =>
          Effect.ignore(
            call(
              "leave",
              Effect.sync(() => this.#end(session))
            )
          )
        )

        const poll = Effect.gen({ self: this }, function* () {
          if (session.isEnded) {
            session = yield* joined(options)
            if (owned.size > 0) {
              const partitions = [...owned.values()]
              owned.clear()
              return { _tag: "Revoked", partitions } satisfies EventLog.Polled
            }
          }
          const polled = yield* this.#poll(session, options.group)
          if (polled._tag === "Assigned") {
            for (const { partition, topic } of polled.partitions)
              owned.set(`${topic}:${partition}`, { topic, partition })
            return {
              _tag: "Assigned",
              partitions: polled.partitions.map((one) => ({ ...one, end: call("end", one.end) }))
            } satisfies EventLog.Polled
          }
          if (polled._tag === "Revoked") {
            for (const { partition, topic } of polled.partitions) owned.delete(`${topic}:${partition}`)
          }
          return polled
        })

        return {
          poll,
          commit: (positions) => {
            const places = positions.map(({ offset, partition }) => `${partition}:${offset}`).join(" ")
            const { isEnded, subscription } = session
            // A commit that comes too late is as good as none, or as one in time: either is safe.
            const ignored = isEnded && this.#chance.happens(0.5)
            const commit = Effect.andThen(
              Effect.sync(() => this.onCommit(options.group, positions)),
              subscription.commit(positions)
            )
            return call("commit", ignored ? Effect.void : commit, `${options.group} ${places}`)
          }
        } satisfies EventLog.Subscription
      })
    })
  }

  /** Waits on the server's side, until the session ends. */
  #poll(session: Session, group: string): Effect.Effect<EventLog.Polled, EventLog.EventLogError> {
    return this.#network.call<EventLog.Polled, EventLog.EventLogError>({
      from: session.process,
      to: this.server,
      name: "poll",
      detail: group,
      lost: logError("poll"),
      refused: logError("poll"),
      isRepeated: true,
      serve: (answer) => {
        const ended = () => {
          leave()
          answer(Exit.fail(logError("poll")()))
        }
        session.polls.add(ended)
        const interrupt = this.#run(session.subscription.poll, (exit) => {
          if (session.polls.delete(ended)) answer(exit)
        })
        const leave = () => {
          session.polls.delete(ended)
          interrupt()
        }
        if (session.isEnded) ended()
        return leave
      }
    })
  }

  /** A group shares out its partitions anew: members are told afterwards, and begin where the group has committed. */
  rebalance(): void {
    const [first, ...others] = [...this.#groups].sort().reverse()
    // The workers' mostly: it sorts last.
    if (first !== undefined)
      this.memory.rebalance(this.#chance.happens(0.7) ? first : this.#chance.pick([first, ...others]))
  }

  /** A process died: the broker notices at once, when the connection breaks, or later, when the session runs out. */
  died(process: Process): void {
    for (const session of this.#sessions) {
      if (session.process !== process) continue
      const ms = this.#chance.happens(0.5) ? this.#network.latency() : this.#sessionMs
      this.#machine.after(ms, () => this.#end(session))
    }
  }

  /** A process is stopped, for so many milliseconds. */
  stopped(process: Process, ms: number): void {
    if (ms <= this.#sessionMs) return
    for (const session of this.#sessions) {
      if (session.process === process) this.#machine.after(this.#sessionMs, () => this.#end(session))
    }
  }

  #end(session: Session): void {
    session.isEnded = true
    for (const tell of session.polls) tell()
    if (this.#sessions.delete(session)) this.#run(Scope.close(session.scope, Exit.void), () => {})
  }
}
