/** Guarded HTTP (spec cdp 3.4, 3.5, 5.4): undici, with a resolver that keeps it off private addresses. */
import { isIP } from "node:net"
import {
  Outbound,
  OutboundError,
  type OutboundRequest,
  type OutboundResponse
} from "@tributary/pipeline/service/Outbound"
import * as Seldom from "@tributary/pipeline/service/Seldom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { Agent, type Dispatcher, request as send } from "undici"
import type * as Address from "./Address.ts"
import * as Resolver from "./Resolver.ts"

export interface Options {
  /** `ALLOW_PRIVATE_DESTINATIONS`. */
  readonly allowPrivate: Address.Ranges
  /** The system's unless given. */
  readonly resolve?: Resolver.Resolve
}

/** Per attempt, connecting included; slow and distant receivers are common. */
const timeLimit = "10 seconds"
const connectTimeoutMs = 3_000
const keepAliveMs = 10_000
const connectionsPerOrigin = 500
/** Of an answer, for logs and interpretation; the rest is not read. */
const maxBodyBytes = 256 * 1024

const notAllowed = (detail: string): OutboundError => new OutboundError({ reason: "NotAllowed", detail })

/** Throws what is wrong with the address of a request. */
const checkUrl = (text: string, guard: Resolver.Guard): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw notAllowed("Invalid URL")
  if (url.protocol !== "http:" && url.protocol !== "https:") throw notAllowed("URL scheme must be http or https")
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname
  if (isIP(host) !== 0 && !Resolver.mayReach(guard, host)) throw new Resolver.Blocked(host, [host])
  return url
}

const readBody = async (body: Dispatcher.ResponseData["body"]): Promise<string> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk)
    chunks.push(bytes)
    size += bytes.length
    if (size >= maxBodyBytes) break
  }
  return Buffer.concat(chunks).subarray(0, maxBodyBytes).toString("utf8")
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : ""

const broken = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])
const unsendable = new Set(["UND_ERR_INVALID_ARG", "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH", "ERR_INVALID_CHAR"])
const unconnected = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT"
])

interface Failure {
  /** In words for the project's owner. */
  readonly error: OutboundError
  /** The connection broke; the next one may hold. */
  readonly isBroken: boolean
  /** What the operator should read of. */
  readonly blocked: Resolver.Blocked | undefined
}

const toFailure = (thrown: unknown): Failure => {
  const code = codeOf(thrown)
  const blocked = thrown instanceof Resolver.Blocked ? thrown : undefined
  const detail = thrown instanceof Error && thrown.message !== "" ? thrown.message : code
  const error =
    thrown instanceof OutboundError
      ? thrown
      : blocked !== undefined || unsendable.has(code)
        ? notAllowed(detail)
        : new OutboundError({ reason: unconnected.has(code) ? "Connect" : "Network", detail })
  return { error, isBroken: broken.has(code), blocked }
}

export const layer = (options: Options): Layer.Layer<Outbound> =>
  Layer.effect(
    Outbound,
    Effect.gen(function* () {
      const guard: Resolver.Guard = {
        allowPrivate: options.allowPrivate,
        resolve: options.resolve ?? Resolver.system
      }
      const agent = yield* Effect.acquireRelease(
        Effect.sync(
          () =>
            new Agent({
              connect: { lookup: Resolver.lookup(guard), timeout: connectTimeoutMs },
              allowH2: false,
              keepAliveTimeout: keepAliveMs,
              connections: connectionsPerOrigin
            })
        ),
        (self) => Effect.promise(() => self.destroy())
      )

      const lines = Seldom.make()
      const tell = ({ addresses, hostname }: Resolver.Blocked) =>
        lines.tell(
          hostname,
          Effect.logWarning(`${hostname} is or leads to a private address; nothing was sent`, { addresses })
        )

      const once = ({ body, headers, method, url }: OutboundRequest) =>
        Effect.tryPromise({
          try: async (signal): Promise<OutboundResponse> => {
            const bodyless = method === "GET" || method === "HEAD"
            const response = await send(checkUrl(url, guard), {
              method,
              headers,
              signal,
              dispatcher: agent,
              ...(bodyless || body === undefined ? {} : { body })
            })
            const retryAfter = response.headers["retry-after"]
            return {
              status: response.statusCode,
              body: await readBody(response.body),
              retryAfter: typeof retryAfter === "string" ? retryAfter : undefined
            }
          },
          catch: toFailure
        })

      return Outbound.of({
        send: (request) =>
          once(request).pipe(
            // A kept connection that the other side has just closed: not an attempt, only bad luck.
            Effect.retry({ schedule: Schedule.recurs(1), while: ({ isBroken }) => isBroken }),
            Effect.tapError(({ blocked }) => (blocked === undefined ? Effect.void : tell(blocked))),
            Effect.mapError(({ error }) => error),
            Effect.timeoutOrElse({
              duration: timeLimit,
              orElse: () => new OutboundError({ reason: "Timeout", detail: `no answer within ${timeLimit}` })
            })
          )
      })
    })
  )
