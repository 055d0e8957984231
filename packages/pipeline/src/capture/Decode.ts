/**
 * Decode: from the bytes of a request to the JSON value in them (spec capture 2.2, clients 9).
 *
 * Clients label their payloads wrongly or not at all, so the bytes are believed, not the labels: gzip and zstd show in their
 * magic numbers, a form in its field `data`, JSON in its first bracket; base64 is tried on what can be base64, and
 * lz-string on what is base64 of nothing known. Only `Content-Encoding: br` and `deflate` are needed, for nothing in the bytes tells
 * them; the parameter `compression` never is. What can be decoded is not refused, save JSON under a form's media type.
 * The limit is held while inflating.
 */
import * as Json from "@tributary/domain/event/Json"
import * as Form from "./Form.ts"
import * as Inflate from "./Inflate.ts"
import * as LzString from "./LzString.ts"
import { Refusal } from "./Reply.ts"
import * as Utf8 from "./Utf8.ts"
import * as Weight from "./Weight.ts"

/** What decoding looks at. */
export interface Encoded {
  readonly body: Buffer
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
}

/** Layers of one payload: a label, a form, and what browsers wrapped inside; more is nobody's client. */
const maxLayers = 6

const openBrace = 0x7b
const openBracket = 0x5b

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** True when an object or a list opens the bytes, after a byte-order mark and white space. */
const looksLikeJson = (bytes: Buffer): boolean => {
  let i = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  while (isSpace(bytes[i])) i++
  return bytes[i] === openBrace || bytes[i] === openBracket
}

/** Outside what base64 is written in. Spaces are plus signs that a form decoder took for spaces (posthog-js 1.0.0). */
const notBase64 = /[^A-Za-z0-9+/=\r\n ]/

/** The text, with its plus signs back, when it may be base64. */
const base64Of = (bytes: Buffer): string | undefined => {
  const text = bytes.toString("latin1").trim()
  return text === "" || notBase64.test(text) ? undefined : text.replaceAll(" ", "+")
}

const tooLarge = (maxBytes: number): Refusal =>
  new Refusal(
    "oversize_event",
    `The payload is larger than ${maxBytes} bytes once it is decompressed; that is the limit.`
  )

/** The JSON text in lz-string's base64; undefined where there is none. */
const fromLz = (base64: string, maxBytes: number): string | Refusal | undefined => {
  const text = LzString.decompressBase64(base64, maxBytes)
  if (text === "too large") return tooLarge(maxBytes)
  return text !== undefined && /^\s*[{[]/.test(text) ? text : undefined
}

/** The JSON text in a payload: undoes a form, base64, lz-string and what magic numbers tell, until JSON or nothing known is left. */
const unwrap = (
  payload: Buffer,
  { isForm, maxBytes }: { readonly isForm: boolean; readonly maxBytes: number }
): string | Refusal => {
  let bytes = payload
  let left = maxBytes
  for (let layer = 0; layer < maxLayers; layer++) {
    const method = Inflate.methodByMagic(bytes)
    if (method !== undefined) {
      const inflated = Inflate.inflate(method, bytes, left)
      if (inflated === "too large") return tooLarge(maxBytes)
      if (inflated === "broken")
        return new Refusal("req_decoding", `The payload begins like ${method}, but is broken or cut off.`)
      left -= inflated.length
      bytes = inflated
      continue
    }
    if ((layer === 0 && isForm) || Form.startsWithData(bytes)) {
      if (!Form.looksLikeForm(bytes))
        return new Refusal("req_decoding", "The content type is a form's, but the body is no form.")
      const data = Form.field(bytes.toString("latin1"), "data")
      if (data === undefined) break
      bytes = Form.percentDecode(data)
      continue
    }
    if (looksLikeJson(bytes)) break
    const base64 = base64Of(bytes)
    if (base64 === undefined) break
    const plain = Buffer.from(base64, "base64")
    if (looksLikeJson(plain) || Inflate.methodByMagic(plain) !== undefined || base64Of(plain) !== undefined)
      bytes = plain
    else return fromLz(base64, left) ?? base64
  }
  if (bytes.length > maxBytes) return tooLarge(maxBytes)
  return (
    Utf8.decode(bytes) ?? new Refusal("req_decoding", "The payload is neither UTF-8 nor compressed in a known way.")
  )
}

/** Undoes a `Content-Encoding` that no magic number tells. A label that does not fit the bytes is ignored. */
const unlabel = (body: Buffer, label: string | undefined, maxBytes: number): Buffer | Refusal => {
  const method = label === undefined ? undefined : Inflate.methodByLabel(label, body)
  if (method === undefined || Inflate.methodByMagic(body) !== undefined) return body
  // Deflate finds an end in many bytes that are none of its own, plain JSON included.
  if (looksLikeJson(body) && Utf8.decode(body) !== undefined) return body
  const inflated = Inflate.inflate(method, body, maxBytes)
  return inflated === "too large" ? tooLarge(maxBytes) : inflated === "broken" ? body : inflated
}

const textOf = (
  { body, contentEncoding, contentType }: Encoded,
  query: Form.Query,
  maxBytes: number
): string | Refusal => {
  if (query.data !== undefined) {
    return unwrap(Form.percentDecode(query.data), { isForm: false, maxBytes })
  }
  if (body.length === 0) {
    return new Refusal("empty_payload", "There is no payload: neither a body nor a query parameter `data`.")
  }
  const bytes = unlabel(body, contentEncoding, maxBytes)
  if (bytes instanceof Refusal) return bytes
  return unwrap(bytes, { isForm: Form.isFormType(contentType), maxBytes })
}

/** The JSON value of a request, or why there is none. `maxBytes` limits what is inflated, all layers together. */
export const decode = (request: Encoded, query: Form.Query, maxBytes: number): unknown => {
  const text = textOf(request, query, maxBytes)
  if (text instanceof Refusal) return text
  if (Weight.isTooHeavy(text)) {
    return new Refusal(
      "oversize_event",
      `The payload holds too much: more than ${Weight.maxOpenEntries} events, or entries of lists and objects, at a time.`
    )
  }
  try {
    return Json.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch {
    return new Refusal("req_parsing", "The payload is not JSON.")
  }
}
