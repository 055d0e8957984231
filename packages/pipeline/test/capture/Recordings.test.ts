/** What real SDKs sent, against what must be made of it: every recording in `fixtures/sdk`. */
import { assert, describe, it } from "@effect/vitest"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as Effect from "effect/Effect"
import { type ExpectedEvent, now, type RecordedRequest, recordings } from "../support/Recordings.ts"
import { type Captured, make, request } from "./support/captured.ts"

type Json = Record<string, unknown>

const requestOf = ({ body, headers, url }: RecordedRequest) => {
  const [path = "", query = ""] = url.split("?", 2)
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return request({
    path: path.replace(/\/$/, ""),
    query,
    contentType: lower.get("content-type"),
    contentEncoding: lower.get("content-encoding"),
    body
  })
}

const objectOf = (value: unknown): Json => (typeof value === "object" && value !== null ? { ...value } : {})

/** Person operations count wherever the client put them; the outer ones win. */
const operation = (data: Json, name: string): Json => ({
  ...objectOf(objectOf(data["properties"])[name]),
  ...objectOf(data[name])
})

/** The recordings name what matters of each object. */
const assertHas = (object: Json, wanted: Json = {}): void => {
  for (const [name, value] of Object.entries(wanted)) assert.deepStrictEqual(object[name], value, name)
}

const compare = (message: Captured, expected: ExpectedEvent, sentAt: string | null | undefined): void => {
  const { data, value } = message
  const properties = objectOf(data["properties"])
  assert.strictEqual(value["event"], expected.event)
  assert.strictEqual(value["distinct_id"], expected.distinct_id)
  assert.strictEqual(value["token"], expected.token)
  assert.strictEqual(message.key, `${expected.token}:${expected.distinct_id}`)
  if (expected.uuid === null) assert.match(String(value["uuid"]), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/)
  else assert.strictEqual(value["uuid"], expected.uuid)
  assert.strictEqual(data["uuid"], expected.uuid)
  assert.strictEqual(data["timestamp"] ?? null, expected.timestamp)
  assert.strictEqual(data["offset"] ?? null, expected.offset)
  assert.strictEqual(
    value["sent_at"] === undefined ? null : Date.parse(String(value["sent_at"])),
    sentAt == null ? null : Date.parse(sentAt)
  )
  const sent = expected.timestamp === null ? undefined : Timestamp.parseCapture(expected.timestamp)
  const skew = typeof sentAt === "string" && properties["$ignore_sent_at"] !== true ? now - Date.parse(sentAt) : 0
  const claimed = expected.offset !== null ? now - expected.offset : sent === undefined ? now : sent + skew
  const time = claimed - now > 23 * 3_600_000 ? now : claimed
  assert.strictEqual(Date.parse(String(value["timestamp"])), time)
  assertHas(properties, expected.properties)
  for (const [name, allowed] of Object.entries(expected.propertiesAnyOf ?? {})) {
    assert.isTrue(
      allowed.some((wanted) => JSON.stringify(wanted) === JSON.stringify(properties[name])),
      name
    )
  }
  assertHas(operation(data, "$set"), expected.set)
  assertHas(operation(data, "$set_once"), expected.set_once)
  if (expected.unset !== undefined) assert.deepStrictEqual(data["$unset"] ?? properties["$unset"], expected.unset)
}

describe("recorded SDKs", () => {
  for (const { name, requests, token } of recordings) {
    it.effect(`${name} arrives as its recording expects`, () =>
      Effect.gen(function* () {
        const { capture, captured } = yield* make({ now, token })
        let seen = 0
        for (const { events, sent, wanted } of requests) {
          if (sent.kind !== "events") continue
          const reply = yield* capture(requestOf(sent))
          assert.strictEqual(reply.status, wanted.status, reply.body)
          const messages = captured().slice(seen)
          assert.strictEqual(messages.length, events.length)
          for (const [i, event] of events.entries()) compare(messages[i]!, event, wanted.sentAt)
          seen += messages.length
        }
      })
    )
  }
})
