/** One keep-alive connection with one request on its way at a time: the load should cost less than what it loads. */
import { connect, type Socket } from "node:net"

export interface Reply {
  readonly status: number
  readonly body: string
}

export interface Connection {
  /** A whole request as bytes. One at a time. */
  readonly send: (request: Buffer) => Promise<Reply>
  readonly close: () => void
  /** False once either side has closed it. */
  readonly isOpen: () => boolean
}

const lengthOf = /\r\ncontent-length: (\d+)/i

const parse = (text: string): Reply | undefined => {
  const end = text.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const length = Number(lengthOf.exec(text.slice(0, end + 2))?.[1] ?? 0)
  if (text.length < end + 4 + length) return undefined
  return { status: Number(text.slice(9, 12)), body: text.slice(end + 4, end + 4 + length) }
}

export const open = (port: number): Promise<Connection> =>
  new Promise((resolve, reject) => {
    let waiting: { readonly done: (reply: Reply) => void; readonly failed: (error: Error) => void } | undefined
    let text = ""
    const failed = (error: Error): void => {
      reject(error)
      waiting?.failed(error)
    }
    const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true }, () =>
      resolve({
        send: (request) =>
          new Promise((done, failed) => {
            waiting = { done, failed }
            socket.write(request)
          }),
        close: () => socket.destroy(),
        isOpen: () => socket.writable
      })
    )
    socket.setEncoding("latin1")
    socket.on("data", (chunk: string) => {
      text += chunk
      const reply = parse(text)
      if (reply === undefined) return
      text = ""
      waiting?.done(reply)
    })
    socket.on("error", failed)
    socket.on("close", () => failed(new Error("the server closed the connection")))
  })
