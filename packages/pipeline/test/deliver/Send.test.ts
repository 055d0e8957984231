import { assert, describe, it } from "@effect/vitest"
import type { EventMessage } from "@tributary/domain/function/Globals"
import type { Row } from "@tributary/domain/function/HogFunction"
import * as Topics from "@tributary/domain/row/Topics"
import * as Match from "@tributary/pipeline/deliver/Match"
import * as Send from "@tributary/pipeline/deliver/Send"
import { DeliveryStore } from "@tributary/pipeline/service/DeliveryStore"
import { OutboundError, type OutboundResponse } from "@tributary/pipeline/service/Outbound"
import { Effect } from "effect"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { aHook, aMessage, aRecord, aWorld, textOf } from "./fixtures.ts"

const status = (code: number, body = "", retryAfter?: string): OutboundResponse => ({ status: code, body, retryAfter })
const options = { siteUrl: "https://eu.example" }

/** Sends all that is due now; answers with how many deliveries that were. */
const sendDue = Effect.gen(function* () {
  const store = yield* DeliveryStore
  const leased = yield* store.claim({ limit: 100, leaseMs: 60_000, except: [] })
  yield* Send.settle(yield* Effect.all(yield* Send.attempts(leased, options), { concurrency: "unbounded" }))
  return leased.length
})

/** One event for one hook; each answer in turn, attempts as they fall due within the hour. */
const delivered = (
  hook: Row,
  answers: ReadonlyArray<OutboundResponse | OutboundError>,
  message: EventMessage = aMessage(),
  before: (world: ReturnType<typeof aWorld>) => void = () => undefined
) =>
  Effect.gen(function* () {
    const world = aWorld([hook], [{ team: 1, type: "company", index: 0, key: "acme", properties: { plan: "pro" } }])
    const at: Array<number> = []
    let asked = 0
    world.outside.answer = () =>
      Effect.gen(function* () {
        at.push(yield* Effect.clockWith((clock) => clock.currentTimeMillis))
        const answer = answers[asked++] ?? status(200)
        return answer instanceof OutboundError ? yield* answer : answer
      })
    yield* Effect.gen(function* () {
      yield* Match.batch([aRecord(textOf(message))], options)
      before(world)
      for (let i = 0; i < 100; i++) {
        yield* sendDue
        yield* TestClock.adjust(i < 60 ? "100 millis" : "10 seconds")
      }
    }).pipe(Effect.provide(world.layer))
    const [row] = world.deliveries.values()
    return { ...world, at, state: row?.finished?.state, metrics: world.metrics(), lines: world.lines() }
  })

describe("sending", () => {
  it.effect("D13: what is answered 200 has succeeded, once", () =>
    Effect.gen(function* () {
      const { lines, metrics, sent, state } = yield* delivered(aHook(), [status(200)])
      assert.deepStrictEqual(metrics, { triggered: 1, fetch: 1, succeeded: 1 })
      assert.strictEqual(sent.length, 1)
      assert.strictEqual(state, "delivered")
      assert.match(
        lines[0] ?? "",
        /^debug: Function completed in 0ms\. Event: 'https:\/\/eu\.example\/project\/1\/events\//
      )
    })
  )

  it.effect("D14: 503 twice and then 200: three requests, after one to two and two to three seconds", () =>
    Effect.gen(function* () {
      const { at, metrics } = yield* delivered(aHook(), [status(503), status(503), status(200)])
      assert.deepStrictEqual(metrics, { triggered: 1, fetch: 1, succeeded: 1 })
      const [first = 0, second = 0, third = 0] = at
      assert.strictEqual(at.length, 3)
      assert.isAtLeast(second - first, 1_000)
      assert.isAtMost(second - first, 2_100)
      assert.isAtLeast(third - second, 2_000)
      assert.isAtMost(third - second, 3_100)
    })
  )

  it.effect("D15: 503 three times is the end, and the log says so", () =>
    Effect.gen(function* () {
      const { lines, metrics, sent, state } = yield* delivered(aHook(), [status(503), status(503), status(503, "busy")])
      assert.strictEqual(sent.length, 3)
      assert.deepStrictEqual(metrics, { triggered: 1, fetch: 1, failed: 1 })
      assert.strictEqual(state, "failed")
      assert.deepStrictEqual(lines, [
        "warn: HTTP fetch failed on attempt 1 with status code 503. Retrying.",
        "warn: HTTP fetch failed on attempt 2 with status code 503. Retrying.",
        "error: HTTP fetch failed on attempt 3 with status code 503.",
        "error: Error executing function on event 018f3a2e-0000-7000-8000-000000000001: Webhook failed with status 503: busy"
      ])
    })
  )

  it.effect("D16, D17: 400 and redirects are the end at once", () =>
    Effect.gen(function* () {
      for (const code of [400, 302]) {
        const { metrics, sent } = yield* delivered(aHook(), [status(code)])
        assert.strictEqual(sent.length, 1)
        assert.deepStrictEqual(metrics, { triggered: 1, fetch: 1, failed: 1 })
      }
    })
  )

  it.effect("D18: no answer is tried again like a 503, and named by its kind", () =>
    Effect.gen(function* () {
      const timeout = new OutboundError({ reason: "Timeout", detail: "no answer within 10 seconds" })
      const recovered = yield* delivered(aHook(), [timeout, status(200)])
      assert.deepStrictEqual(recovered.metrics, { triggered: 1, fetch: 1, succeeded: 1 })
      const lost = yield* delivered(aHook(), [timeout, timeout, timeout])
      assert.deepStrictEqual(lost.metrics, { triggered: 1, fetch: 1, failed: 1 })
      assert.strictEqual(lost.lines[2], "error: HTTP fetch failed on attempt 3: timeout: no answer within 10 seconds.")
    })
  )

  it.effect("D19: a status that the row exempts has succeeded, with a line", () =>
    Effect.gen(function* () {
      for (const exempt of [["4xx"], [404], ["404"]]) {
        const { lines, metrics } = yield* delivered(aHook({ non_failure_status_codes: exempt }), [status(404)])
        assert.deepStrictEqual(metrics, { triggered: 1, fetch: 1, succeeded: 1 })
        assert.match(lines[0] ?? "", /^info: HTTP fetch failed on attempt 1 with status code 404\./)
      }
      const { sent } = yield* delivered(aHook({ non_failure_status_codes: ["5xx"] }), [status(503)])
      assert.strictEqual(sent.length, 1)
    })
  )

  it.effect("D20: an address that is not allowed is not tried again", () =>
    Effect.gen(function* () {
      const refused = new OutboundError({ reason: "NotAllowed", detail: "Hostname is not allowed" })
      const { lines, metrics, sent } = yield* delivered(aHook(), [refused])
      assert.strictEqual(sent.length, 1)
      assert.deepStrictEqual(metrics, { triggered: 1, failed: 1 })
      assert.include(lines[1], "Hostname is not allowed")
    })
  )

  it.effect("Retry-After is waited for", () =>
    Effect.gen(function* () {
      const { at } = yield* delivered(aHook(), [status(429, "", "5")])
      const [first = 0, second = 0] = at
      assert.isAtLeast(second - first, 5_000)
      assert.isAtMost(second - first, 6_100)
    })
  )

  it.effect("D35, D36: secrets that come back in an answer are not told", () =>
    Effect.gen(function* () {
      const hook = aHook(
        { headers: { Authorization: "Bearer abc" }, debug: true },
        { secretInputs: Result.succeed({ token: { value: "s3cr3t" } }) }
      )
      const { lines } = yield* delivered(hook, [status(401, "you sent s3cr3t and abc")])
      assert.include(lines.at(-1), "you sent ***REDACTED*** and ***REDACTED***")
      for (const line of lines) {
        assert.notInclude(line, "s3cr3t")
        assert.notInclude(line, "abc")
      }
    })
  )

  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

  it.effect("D38: a signing secret that cannot be used fails the delivery before it is sent", () =>
    Effect.gen(function* () {
      const { metrics, sent } = yield* delivered(aHook({ signing_secret: "c2hvcnQ=" }), [])
      assert.strictEqual(sent.length, 0)
      assert.deepStrictEqual(metrics, { triggered: 1, failed: 1 })
    })
  )

  it.effect("D39: a signed delivery keeps its id over attempts, with a new time and signature", () =>
    Effect.gen(function* () {
      const hook = aHook({ signing_secret: secret, headers: { "Webhook-Id": "mine", a: "b" } })
      const { sent } = yield* delivered(hook, [status(503)])
      const [first, second] = sent.map(({ headers }) => headers)
      assert.strictEqual(first?.["webhook-id"], second?.["webhook-id"])
      assert.notStrictEqual(first?.["webhook-timestamp"], second?.["webhook-timestamp"])
      assert.notStrictEqual(first?.["webhook-signature"], second?.["webhook-signature"])
      assert.deepStrictEqual(Object.keys(first ?? {}).toSorted(), [
        "a",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp"
      ])
    })
  )

  it.effect("D40: a function that is gone by then sends nothing", () =>
    Effect.gen(function* () {
      const hook = aHook()
      const { metrics, sent, state } = yield* delivered(hook, [], aMessage(), ({ rows }) => rows.delete(hook.id))
      assert.strictEqual(sent.length, 0)
      assert.deepStrictEqual(metrics, { triggered: 1 })
      assert.strictEqual(state, "removed")
    })
  )

  it.effect("D41: an event without a person has an empty one", () =>
    Effect.gen(function* () {
      const hook = aHook({ body: { email: "{person.properties.email}", id: "{person.id}" } })
      const { sent } = yield* delivered(hook, [], aMessage({ person: null }))
      assert.strictEqual(sent[0]?.body, '{"email":null,"id":""}')
    })
  )

  it.effect("templates see project, source and groups", () =>
    Effect.gen(function* () {
      const body =
        "{project.name} {source.name} {groups.company.properties.plan} {groups.company.url} {groups.planet.id}"
      const message = aMessage({ properties: { $groups: { company: "acme", planet: "earth" } } })
      const { sent } = yield* delivered(aHook({ body }), [], message)
      assert.strictEqual(sent[0]?.body, "Shop hook pro https://eu.example/project/1/groups/0/acme ")
    })
  )

  it.effect("a mapping's inputs are its own", () =>
    Effect.gen(function* () {
      const hook = aHook({ body: "one" }, { mappings: [{ inputs: { body: { value: "two" } } }] })
      const { sent } = yield* delivered(hook, [])
      assert.strictEqual(sent[0]?.body, "two")
    })
  )

  it.effect("inputs that do not fit an event fail its delivery, and tell which", () =>
    Effect.gen(function* () {
      const { lines, metrics, sent } = yield* delivered(aHook({ url: "{event.properties.hook}" }), [])
      assert.strictEqual(sent.length, 0)
      assert.deepStrictEqual(metrics, { triggered: 1, inputs_failed: 1 })
      assert.include(lines[0], "url")
    })
  )

  it.effect("D46: lines of one millisecond are stored a millisecond apart, in order", () =>
    Effect.gen(function* () {
      const world = yield* delivered(aHook({ debug: true }), [status(200)])
      const times = world
        .told(Topics.logEntries)
        .map(({ message, timestamp }) => [String(message).split(" ")[0], timestamp])
      assert.deepStrictEqual(times, [
        ["Request:", "1970-01-01 00:00:00.000"],
        ["Response", "1970-01-01 00:00:00.001"],
        ["Function", "1970-01-01 00:00:00.002"]
      ])
    })
  )

  it.effect("D49: a crash after the request repeats it when the lease has ended", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      yield* Effect.gen(function* () {
        yield* Match.batch([aRecord(textOf(aMessage()))], options)
        const store = yield* DeliveryStore
        // Claimed and sent by somebody who died before it could say so.
        yield* store.claim({ limit: 1, leaseMs: 60_000, except: [] })
        assert.strictEqual(yield* sendDue, 0)
        yield* TestClock.adjust("60 seconds")
        assert.strictEqual(yield* sendDue, 1)
      }).pipe(Effect.provide(world.layer))
      assert.strictEqual(world.sent.length, 1)
    })
  )

  it.effect("D50: a delivery whose metrics cannot be told is done all the same", () =>
    Effect.gen(function* () {
      const { sent, state } = yield* delivered(aHook(), [], aMessage(), ({ log }) => (log.faults.refuse = () => "no"))
      assert.strictEqual(sent.length, 1)
      assert.strictEqual(state, "delivered")
    })
  )
})
