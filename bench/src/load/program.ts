/** The process that makes load, so that what it costs is nobody else's. */
import { setTimeout as pause } from "node:timers/promises"
import * as Measured from "../process/Measured.ts"
import * as Connection from "./Connection.ts"
import * as Requests from "./Requests.ts"

export interface Target {
  readonly port: number
  readonly connections: number
}

/** The answer to a request, in the order of requests. */
export interface Answered {
  /** Milliseconds from the time when the request was due. */
  readonly latency: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

export type LoadQuestions = {
  /** Makes the requests of the next load. */
  readonly prepare: readonly [Requests.Requests, null]
  /** Sends them all, each connection the next one as soon as it has its answer. Answers with the seconds it took. */
  readonly closed: readonly [Target, number]
  /** Sends so many a second, whatever comes back. */
  readonly open: readonly [Target & { readonly requestsPerSecond: number }, ReadonlyArray<Answered>]
}

let requests: ReadonlyArray<Buffer> = []

const checked = ({ body, status }: Connection.Reply): void => {
  if (status !== 200) throw new Error(`answered ${status}: ${body}`)
}

const opened = ({ connections, port }: Target) =>
  Promise.all(Array.from({ length: connections }, () => Connection.open(port)))

const closed = async (target: Target): Promise<number> => {
  const connections = await opened(target)
  const began = performance.now()
  let next = 0
  await Promise.all(
    connections.map(async (connection) => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        checked(await connection.send(request))
      }
    })
  )
  const seconds = (performance.now() - began) / 1000
  for (const connection of connections) connection.close()
  return seconds
}

const open = async (target: LoadQuestions["open"][0]): Promise<ReadonlyArray<Answered>> => {
  const connections = await opened(target)
  const idle = [...connections]
  const sending: Array<Promise<Answered>> = []
  const began = performance.now() + 20
  const send = async (request: Buffer, dueAt: number): Promise<Answered> => {
    // In turn, for the server closes those that rest for seconds.
    const free = idle.shift()
    const connection = free?.isOpen() === true ? free : await Connection.open(target.port)
    checked(await connection.send(request))
    const now = performance.now()
    idle.push(connection)
    return { latency: now - dueAt, at: performance.timeOrigin + now }
  }
  for (let next = 0; next < requests.length; ) {
    const dueAt = began + (next * 1000) / target.requestsPerSecond
    const wait = dueAt - performance.now()
    if (wait > 0) await pause(wait)
    else sending.push(send(requests[next++]!, dueAt))
  }
  const answers = await Promise.all(sending)
  for (const connection of idle) connection.close()
  return answers
}

Measured.answer<LoadQuestions>({
  prepare: (wanted) => {
    requests = Requests.make(wanted)
    return null
  },
  closed,
  open
})
Measured.ready(null)
