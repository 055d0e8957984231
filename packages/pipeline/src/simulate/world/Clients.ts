/** Those outside of the pipeline: clients that send events until they are answered, and a program that deletes people. */

import * as Topics from "@tributary/domain/row/Topics"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Capture from "../../capture/Capture.ts"
import type * as Reply from "../../capture/Reply.ts"
import type { Process } from "../machine/Machine.ts"
import * as Deletion from "../store/Deletion.ts"
import * as Workload from "../Workload.ts"
import type { Server } from "./Network.ts"
import type { World } from "./World.ts"

/** Where clients find capture: the process that listens, if any does. */
export interface Door {
  readonly server: Server
  handle: ((request: Capture.CaptureRequest, answer: (reply: Reply.Reply) => void) => void) | undefined
}

/** What became of the requests. */
export interface Told {
  /** Numbers of the actions that were answered 200. */
  readonly acknowledged: Set<number>
  /** Those that were refused for good, and how. */
  readonly refused: Map<number, number>
  /** Requests and deletions that are not done yet. */
  open: number
}

const patience = "10 seconds"

/** Sends requests one after the other, each again, with the same uuids, until it is answered for good. */
export const client = (
  world: World,
  door: Door,
  requests: ReadonlyArray<ReadonlyArray<Workload.Action>>,
  told: Told
) => {
  let next = 0
  return (process: Process): Effect.Effect<void> => {
    const post = (actions: ReadonlyArray<Workload.Action>) =>
      world.network.call<Reply.Reply, "lost">({
        from: process,
        to: door.server,
        name: `post ${actions.map(({ n }) => n).join(" ")}`,
        lost: () => "lost",
        serve: (answer) => {
          if (door.handle === undefined) return void answer(Exit.fail("lost"))
          door.handle(requestOf(actions), (reply) => answer(Exit.succeed(reply)))
          return undefined
        }
      })
    return Effect.gen(function* () {
      for (; next < requests.length; next++) {
        const actions = requests[next]!
        const due = Workload.start + actions[0]!.at - world.machine.now
        if (due > 0) yield* Effect.sleep(due)
        while (true) {
          const reply = yield* Effect.option(Effect.timeout(post(actions), patience))
          const status = reply._tag === "Some" ? reply.value.status : 0
          if (status > 0 && status < 500) {
            for (const { n } of actions) {
              if (status === 200) told.acknowledged.add(n)
              else told.refused.set(n, status)
            }
            break
          }
          yield* Effect.sleep(500)
        }
        told.open -= 1
      }
    })
  }
}

const requestOf = (actions: ReadonlyArray<Workload.Action>): Capture.CaptureRequest => ({
  path: "/batch",
  query: "",
  contentType: "application/json",
  contentEncoding: undefined,
  ip: "203.0.113.7",
  body: Buffer.from(JSON.stringify({ api_key: Workload.tokenOf(actions[0]!), batch: actions.map(Workload.sent) }))
})

/** Deletes the people of these actions, one after the other; waits a while for whoever is not there yet. */
export const deleter = (world: World, actions: ReadonlyArray<Workload.Action>, told: Told) => {
  let next = 0
  return (process: Process): Effect.Effect<void> =>
    Effect.gen(function* () {
      for (; next < actions.length; next++) {
        const { at, token, who } = actions[next]!
        const due = Workload.start + at - world.machine.now
        if (due > 0) yield* Effect.sleep(due)
        const { flaws, ledger, postgres } = world
        const deletion = Deletion.deleteOwner({ postgres, process, flaws, ledger }, Workload.teamOf(token) ?? 0, who)
        for (let tries = 1, isDone = false; tries <= 12 && !isDone; tries++) {
          yield* Effect.sleep(20 * tries)
          isDone = yield* Effect.orElseSucceed(deletion, () => false)
        }
        told.open -= 1
      }
    })
}

/** Bytes that are no message, appended by another producer. */
export const appendGarbage = ({ log, machine }: World, { at, n }: Workload.Action, partitions: number): void => {
  machine.after(at, () =>
    log.memory.append(Topics.events, n % partitions, {
      key: null,
      value: new TextEncoder().encode("{"),
      headers: [["token", "phc_1"]],
      timestamp: machine.now
    })
  )
}
