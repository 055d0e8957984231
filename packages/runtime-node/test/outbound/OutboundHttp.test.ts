import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Outbound, type OutboundRequest, type OutboundResponse } from "@tributary/pipeline/service/Outbound"
import { Effect, Fiber, Layer, Logger, Result } from "effect"
import { TestClock } from "effect/testing"
import { outboundContract, Receiver } from "../../../pipeline/test/contract/Outbound.ts"
import * as Address from "../../src/outbound/Address.ts"
import * as OutboundHttp from "../../src/outbound/OutboundHttp.ts"
import type { Resolve } from "../../src/outbound/Resolver.ts"

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** A server on loopback; its port. */
const listening = (listener: Listener) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        const server = createServer(listener)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    (server) => (server.address() as AddressInfo).port
  )

const loopback = Result.getOrThrow(Address.parseRanges("127.0.0.1"))
const allowing = OutboundHttp.layer({ allowPrivate: loopback })
const guarded = (resolve?: Resolve) =>
  OutboundHttp.layer({ allowPrivate: () => false, ...(resolve === undefined ? {} : { resolve }) })

const get = (url: string, more: Partial<OutboundRequest> = {}) =>
  Outbound.use((outbound) => outbound.send({ url, method: "GET", headers: {}, body: undefined, ...more }))

const receiver = Layer.effect(
  Receiver,
  Effect.gen(function* () {
    const received: Array<{ method: string; path: string; body: string | undefined }> = []
    let answer: OutboundResponse = { status: 200, body: "", retryAfter: undefined }
    const port = yield* listening((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8")
        received.push({ method: request.method ?? "", path: request.url ?? "", body: body === "" ? undefined : body })
        const headers = answer.retryAfter === undefined ? {} : { "retry-after": answer.retryAfter }
        response.writeHead(answer.status, { ...headers, location: "http://127.0.0.1:1/elsewhere" }).end(answer.body)
      })
    })
    return Receiver.of({
      url: `http://127.0.0.1:${port}`,
      received: Effect.sync(() => received.splice(0)),
      answers: (next) => Effect.sync(() => void (answer = next))
    })
  })
)

outboundContract("HTTP", Layer.merge(allowing, receiver))

describe("Outbound over HTTP", () => {
  const refused = (url: string, more: Partial<OutboundRequest> = {}) => Effect.flip(get(url, more))

  it.live("D20: refuses private addresses however they are written, and schemes that are none of ours", () =>
    Effect.gen(function* () {
      const hosts = [
        "169.254.169.254",
        "10.0.0.1",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "0"
      ]
      for (const host of hosts) {
        const error = yield* refused(`http://${host}/`)
        assert.deepStrictEqual([error.reason, error.detail], ["NotAllowed", "Hostname is not allowed"], host)
      }
      for (const url of ["ftp://x", "file:///etc/passwd", "gopher://x"]) {
        assert.strictEqual((yield* refused(url)).detail, "URL scheme must be http or https", url)
      }
      for (const url of ["", "x", "http://", "//x.io"])
        assert.strictEqual((yield* refused(url)).detail, "Invalid URL", url)
    }).pipe(Effect.provide(guarded()))
  )

  it.effect("D20: logs a line a minute of a host that is refused, whatever is sent to it", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return Effect.gen(function* () {
      for (const host of ["10.0.0.1", "10.0.0.1", "10.0.0.2"]) yield* refused(`http://${host}/`)
      assert.deepStrictEqual(
        lines.map((line) => line.split(" ")[0]),
        ["10.0.0.1", "10.0.0.2"]
      )
    }).pipe(Effect.provide(Layer.merge(guarded(), Logger.layer([logger]))))
  })

  it.live("D20: refuses a name when one of its addresses is private, and never connects to any", () =>
    Effect.gen(function* () {
      let connections = 0
      const port = yield* listening((_request, response) => {
        connections += 1
        response.end()
      })
      const answers: ReadonlyArray<ReadonlyArray<string>> = [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["127.0.0.1", "93.184.216.34"],
        ["::ffff:127.0.0.1"],
        ["fd00::1"]
      ]
      for (const addresses of answers) {
        const resolve: Resolve = async () =>
          addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
        const error = yield* refused(`http://rebind.example:${port}/`).pipe(Effect.provide(guarded(resolve)))
        assert.deepStrictEqual([error.reason, error.detail], ["NotAllowed", "Hostname is not allowed"])
      }
      assert.strictEqual(connections, 0)
    })
  )

  it.live("the system's own name for loopback is refused too", () =>
    Effect.gen(function* () {
      const error = yield* refused("http://localhost:1/")
      assert.strictEqual(error.reason, "NotAllowed")
    }).pipe(Effect.provide(guarded()))
  )

  it.live("reaches a name whose addresses are allowed, by the address that was checked", () =>
    Effect.gen(function* () {
      const port = yield* listening((request, response) => response.end(request.headers.host))
      const resolve: Resolve = async () => [{ address: "127.0.0.1", family: 4 }]
      const layer = OutboundHttp.layer({ allowPrivate: loopback, resolve })
      const { body } = yield* get(`http://hooks.example:${port}/`).pipe(Effect.provide(layer))
      assert.strictEqual(body, `hooks.example:${port}`)
    })
  )

  it.live("D17: does not follow a redirect, so a public host cannot lead to a private one", () =>
    Effect.gen(function* () {
      let hits = 0
      const port = yield* listening((_request, response) => {
        hits += 1
        response.writeHead(302, { location: "/again" }).end()
      })
      assert.strictEqual((yield* get(`http://127.0.0.1:${port}/`)).status, 302)
      assert.strictEqual(hits, 1)
    }).pipe(Effect.provide(allowing))
  )

  it.live("D21: sends no body with GET", () =>
    Effect.gen(function* () {
      let length: string | undefined = "unset"
      const port = yield* listening((request, response) => {
        length = request.headers["content-length"]
        response.end()
      })
      yield* get(`http://127.0.0.1:${port}/`, { body: "x" })
      assert.isUndefined(length)
    }).pipe(Effect.provide(allowing))
  )

  it.live("reads 256 kB of an answer and no more", () =>
    Effect.gen(function* () {
      const port = yield* listening((_request, response) => {
        // Without end: who reads it all never comes back.
        const more = () => {
          if (!response.destroyed && response.write("x".repeat(65_536))) setImmediate(more)
        }
        response.on("drain", more)
        more()
      })
      assert.strictEqual((yield* get(`http://127.0.0.1:${port}/`)).body.length, 256 * 1024)
    }).pipe(Effect.provide(allowing))
  )

  it.live("tries a connection that breaks once more, at once", () =>
    Effect.gen(function* () {
      let hits = 0
      const port = yield* listening((request, response) => {
        hits += 1
        if (hits === 1) request.socket.destroy()
        else response.end("second")
      })
      assert.strictEqual((yield* get(`http://127.0.0.1:${port}/`)).body, "second")
      hits = 0
      const closing = yield* listening((request) => {
        hits += 1
        request.socket.destroy()
      })
      assert.strictEqual((yield* refused(`http://127.0.0.1:${closing}/`)).reason, "Network")
      assert.strictEqual(hits, 2)
    }).pipe(Effect.provide(allowing))
  )

  it.live("tells a host that does not answer from one that cannot be reached", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(listening(() => undefined))
      assert.strictEqual((yield* refused(`http://127.0.0.1:${port}/`)).reason, "Connect")
      const resolve: Resolve = () =>
        Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }))
      const error = yield* refused("http://nowhere.example/").pipe(Effect.provide(guarded(resolve)))
      assert.strictEqual(error.reason, "Connect")
      const none = yield* refused("http://nowhere.example/").pipe(Effect.provide(guarded(async () => [])))
      assert.strictEqual(none.reason, "Connect")
    }).pipe(Effect.provide(allowing))
  )

  it.effect("D18: gives up after 10 s, and closes the connection", () =>
    Effect.gen(function* () {
      let arrived = (): void => undefined
      let left = (): void => undefined
      const isThere = new Promise<void>((resolve) => (arrived = resolve))
      const isGone = new Promise<void>((resolve) => (left = resolve))
      const port = yield* listening((request) => {
        request.socket.on("close", () => left())
        arrived()
      })
      const fiber = yield* Effect.forkChild(refused(`http://127.0.0.1:${port}/`))
      yield* Effect.promise(() => isThere)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "Timeout")
      yield* Effect.promise(() => isGone)
    }).pipe(Effect.provide(allowing))
  )

  it.live("refuses a header that no request may hold, without sending", () =>
    Effect.gen(function* () {
      const error = yield* refused("http://127.0.0.1:1/", { headers: { "x-a": "b\r\nx-c: d" } })
      assert.strictEqual(error.reason, "NotAllowed")
    }).pipe(Effect.provide(allowing))
  )
})
