/** A line to PostgreSQL that can be cut where a test wants it. */
import * as net from "node:net"
import { Effect } from "effect"

export interface CuttableLine {
  readonly url: string
  /** The next answer to a COMMIT is swallowed, and its connection cut. The server has committed by then. */
  cutNextCommit: boolean
  /** The same for the next answer inside a transaction: the server rolls back. */
  cutNextStatement: boolean
  /** How often it was cut. */
  cuts: number
  /** What else happens in the moment of a cut. */
  onCut: () => void
}

/** ReadyForQuery, the last message of each answer; then `I` (idle) or `T` (in a transaction). */
const ready = Buffer.from([0x5a, 0, 0, 0, 5])

const statusOf = (chunk: Buffer): string | undefined =>
  chunk.length >= 6 && chunk.subarray(-6, -1).equals(ready) ? String.fromCharCode(chunk.at(-1)!) : undefined

export const make = (url: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly line: CuttableLine; readonly server: net.Server; readonly sockets: Set<net.Socket> }>(
      (resume) => {
        const { hostname, port } = new URL(url)
        const sockets = new Set<net.Socket>()
        const server = net.createServer((client) => {
          const upstream = net.connect(Number(port), hostname)
          let answers = 0
          let status: string | undefined
          for (const socket of [client, upstream]) {
            sockets.add(socket)
            socket.on("error", () => socket.destroy())
            socket.on("close", () => {
              client.destroy()
              upstream.destroy()
            })
          }
          client.on("data", (chunk) => upstream.write(chunk))
          upstream.on("data", (chunk: Buffer) => {
            const before = status
            status = statusOf(chunk) ?? status
            answers = status === "T" ? answers + 1 : 0
            const commit = line.cutNextCommit && before === "T" && status === "I"
            // The first answer in a transaction is that to BEGIN.
            const statement = line.cutNextStatement && answers === 2
            if (!commit && !statement) return client.write(chunk)
            if (commit) line.cutNextCommit = false
            if (statement) line.cutNextStatement = false
            line.cuts++
            line.onCut()
            client.destroy()
          })
        })
        const line: CuttableLine = {
          url: "",
          cutNextCommit: false,
          cutNextStatement: false,
          cuts: 0,
          onCut: () => undefined
        }
        server.listen(0, "127.0.0.1", () => {
          const through = new URL(url)
          const address = server.address()
          through.hostname = "127.0.0.1"
          through.port = String(typeof address === "object" ? address?.port : "")
          resume(Effect.succeed({ line: Object.assign(line, { url: through.href }), server, sockets }))
        })
      }
    ),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  ).pipe(Effect.map(({ line }) => line))
