/**
 * A request of ClickHouse's HTTP protocol, taken apart: where its statement, its parameters and its settings may stand
 * (guides clickhouse 7). Nothing is decided here about what is allowed.
 */
import type { IncomingHttpHeaders } from "node:http"
import { promisify } from "node:util"
import * as zlib from "node:zlib"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { EngineError } from "../Engine.ts"
import * as Query from "../Query.ts"
import * as Refusal from "./Refusal.ts"

export interface Request {
  /** What stood in the URL or in a form's field. */
  readonly query: string
  /** The body, unpacked; empty for a form. */
  readonly body: Uint8Array
  readonly database: string | undefined
  /** Where the statement names none. */
  readonly format: string
  /** Values of `{name:Type}`, in the escaped form in which they came. */
  readonly parameters: ReadonlyMap<string, string>
  /** All other parameters of the URL. */
  readonly settings: ReadonlyMap<string, string>
  readonly queryId: string | undefined
  /** How the answer may be packed. */
  readonly packing: "gzip" | "zstd" | undefined
}

/** The request cannot be read. */
export class BadRequest extends Data.TaggedError("BadRequest")<{
  readonly status: 400 | 413
  readonly message: string
}> {}

/** The statement: from the URL, from the body, or one after the other. */
export const statement = ({ query, body }: Request): string => {
  const text = new TextDecoder().decode(body)
  return query === "" ? text : text === "" ? query : `${query}\n${text}`
}

/** The database that bare names mean; fails where the name is none. */
export const database = (request: Request, fallback: string): Effect.Effect<string, EngineError> => {
  const name = request.database ?? fallback
  return /^\w+$/.test(name) ? Effect.succeed(name) : Effect.fail(Refusal.make(81, `Database ${name} does not exist`))
}

/** The parameters as `SET` takes them. Their values come escaped already, so they are literals as they are. */
export const parameters = (request: Request): Effect.Effect<ReadonlyArray<string>, EngineError> => {
  const odd = [...request.parameters.keys()].find((name) => !/^\w+$/.test(name))
  if (odd !== undefined) return Effect.fail(Refusal.make(36, `Parameter ${odd} is none`))
  return Effect.succeed([...request.parameters].map(([name, value]) => `param_${name} = ${Query.literal(value)}`))
}

const one = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0]

type Unpacker = (body: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Uint8Array>

const unpackers: ReadonlyMap<string, Unpacker> = new Map<string, Unpacker>([
  ["gzip", promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gunzip)],
  ["deflate", promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflate)],
  ["br", promisify<Uint8Array, zlib.BrotliOptions, Uint8Array>(zlib.brotliDecompress)],
  ["zstd", promisify<Uint8Array, zlib.ZstdOptions, Uint8Array>(zlib.zstdDecompress)]
])

const unpack = async (body: Uint8Array, encoding: string, maxBytes: number): Promise<Uint8Array> => {
  if (encoding === "identity" || body.length === 0) return body
  const unpacker = unpackers.get(encoding)
  if (unpacker === undefined) throw new BadRequest({ status: 400, message: `Unknown content encoding ${encoding}` })
  try {
    return await unpacker(body, { maxOutputLength: maxBytes })
  } catch (error) {
    const tooLarge = error instanceof RangeError
    throw new BadRequest({
      status: tooLarge ? 413 : 400,
      message: tooLarge ? `The body is larger than ${maxBytes} bytes` : `The body is not ${encoding}`
    })
  }
}

/** The fields of a form with their texts; files count as their text. */
const formFields = async (body: Uint8Array, contentType: string): Promise<ReadonlyArray<readonly [string, string]>> => {
  try {
    const form = await new Response(body, { headers: { "content-type": contentType } }).formData()
    return await Promise.all(
      [...form].map(async ([name, value]) => [name, typeof value === "string" ? value : await value.text()] as const)
    )
  } catch {
    throw new BadRequest({ status: 400, message: "The form cannot be read" })
  }
}

export interface Incoming {
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
  /** Of the body when it is unpacked. */
  readonly maxBytes: number
}

/** Rejects with a `BadRequest`. */
export const read = async ({ url, headers, body: packed, maxBytes }: Incoming): Promise<Request> => {
  const unpacked = await unpack(packed, (headers["content-encoding"] ?? "identity").toLowerCase(), maxBytes)
  const contentType = headers["content-type"] ?? ""
  const isForm = /^multipart\/form-data\b/i.test(contentType)
  const fields = new Map([...url.searchParams, ...(isForm ? await formFields(unpacked, contentType) : [])])

  const taken = new Set<string>()
  const take = (name: string): string | undefined => {
    taken.add(name)
    return fields.get(name)
  }
  const accepted = headers["accept-encoding"] ?? ""
  const queryId = take("query_id")
  const packs = (take("enable_http_compression") ?? "0") !== "0"
  const parameters = new Map<string, string>()
  for (const [name, value] of fields) {
    if (name.startsWith("param_")) {
      taken.add(name)
      parameters.set(name.slice("param_".length), value)
    }
  }
  return {
    query: take("query") ?? "",
    body: isForm ? new Uint8Array() : unpacked,
    database: take("database") ?? one(headers["x-clickhouse-database"]),
    format: take("default_format") ?? one(headers["x-clickhouse-format"]) ?? "TabSeparated",
    parameters,
    // It comes back in a header, so it is taken only if it can stand there.
    queryId: queryId !== undefined && /^[\w.:-]{1,100}$/.test(queryId) ? queryId : undefined,
    packing: !packs ? undefined : /\bgzip\b/.test(accepted) ? "gzip" : /\bzstd\b/.test(accepted) ? "zstd" : undefined,
    settings: new Map([...fields].filter(([name]) => !taken.has(name)))
  }
}
