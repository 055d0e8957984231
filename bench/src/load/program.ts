/** The process that makes load, so that what it costs is nobody else's. */
import { setTimeout as pause } from "node:timers/promises"
import * as Measured from "../process/Measured.ts"
import * as Connection from "./Connection.ts"
import * as Requests from "./Requests.ts"

export interface Target {
  readonly port: number
  readonly connections: number
}

export type LoadQuestions = {
  /** Makes the requests of the next load. */
  readonly prepare: readonly [Requests.Requests, null]
  /** Sends them all, each connection the next one as soon as it has its answer. Answers with the seconds it took. */
  readonly closed: readonly [Target, number]
  /** Sends so many a second, whatever comes back. Answers with milliseconds from the time when each was due. */
  readonly open: readonly [Target & { readonly requestsPerSecond: number }, ReadonlyArray<number>]
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

const open = async (target: LoadQuestions["open"][0]): Promise<ReadonlyArray<number>> => {
  const connections = await opened(target)
  const idle = [...connections]
  const latencies: Array<number> = []
  const sending: Array<Promise<void>> = []
  const began = performance.now() + 20
  const send = async (request: Buffer, dueAt: number): Promise<void> => {
    const connection = idle.pop() ?? (await Connection.open(target.port))
    checked(await connection.send(request))
    latencies.push(performance.now() - dueAt)
    idle.push(connection)
  }
  for (let next = 0; next < requests.length; ) {
    const dueAt = began + (next * 1000) / target.requestsPerSecond
    const wait = dueAt - performance.now()
    if (wait > 0) await pause(wait)
    else sending.push(send(requests[next++]!, dueAt))
  }
  await Promise.all(sending)
  for (const connection of idle) connection.close()
  return latencies
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
