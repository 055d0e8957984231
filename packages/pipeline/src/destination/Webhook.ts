/** Webhook: the event and its person, or whatever the project makes of them, to an address of its choice (spec cdp 4.1). */
import { isProperties, type Properties } from "@tributary/domain/event/Properties"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Destination from "./Destination.ts"

const Inputs = Schema.Struct({
  url: Schema.NonEmptyString,
  method: Schema.Literals(["POST", "PUT", "PATCH", "GET", "DELETE"]),
  body: Schema.optionalKey(Schema.Unknown),
  headers: Schema.optionalKey(
    Schema.Unknown.check(Schema.makeFilter((value) => isProperties(value) || "must be an object"))
  ),
  /** Base64, at least 24 bytes, `whsec_` before it or not. */
  signing_secret: Schema.optionalKey(Schema.String),
  debug: Schema.optionalKey(Schema.Boolean),
  non_failure_status_codes: Schema.optionalKey(Schema.Array(Schema.Union([Schema.Int, Schema.String])))
})

/** Values that are no text are left out: a header must not become "[object Object]". */
const textsOf = (headers: unknown): Readonly<Record<string, string>> =>
  isProperties(headers)
    ? Object.fromEntries(
        Object.entries(headers).filter((pair): pair is [string, string] => typeof pair[1] === "string")
      )
    : {}

const defaults: Properties = {
  method: "POST",
  body: { event: "{event}", person: "{person}" },
  headers: { "Content-Type": "application/json", Accept: "application/json" }
}

export const webhook = Destination.make({
  id: "template-webhook",
  name: "HTTP Webhook",
  inputs: Inputs,
  defaults,
  request: (_globals, { body, headers, method, url }) => ({
    url,
    method,
    headers: textsOf(headers),
    body: method === "GET" ? undefined : typeof body === "string" ? body : JSON.stringify(body ?? null)
  }),
  // A redirect is not followed, so it was not delivered.
  interpret: ({ body, status }) =>
    status < 300 ? Destination.delivered : Destination.failed(`Webhook failed with status ${status}: ${body}`),
  handling: ({ debug, non_failure_status_codes, signing_secret }) => ({
    ...(signing_secret === undefined ? {} : { signingSecret: Redacted.make(signing_secret) }),
    ...(non_failure_status_codes === undefined ? {} : { exempt: non_failure_status_codes }),
    ...(debug === undefined ? {} : { debug })
  })
})
