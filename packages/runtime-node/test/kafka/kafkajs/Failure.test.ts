import { assert, describe, it } from "@effect/vitest"
import * as Failure from "@tributary/runtime-node/kafka/kafkajs/Failure"

/** As kafkajs makes its errors: fields of their own. */
const named = (name: string, fields: object = {}) => Object.assign(new Error(name), { name, ...fields })

const protocol = (type: string) => named("KafkaJSProtocolError", { type })

/** As kafkajs hands an error out when it has given up. */
const wrapped = (cause: Error) => named("KafkaJSNumberOfRetriesExceeded", { retriable: false, cause })

const tagOf = (error: Error): string => {
  const outcome = Failure.outcomeOf(wrapped(error))
  return outcome._tag === "Unavailable"
    ? `${outcome._tag}, ${outcome.unknown ? "unknown" : "not stored"}`
    : outcome._tag
}

describe("Failure of kafkajs", () => {
  it("tells what an operator or a sender must mend from what may pass", () => {
    assert.strictEqual(tagOf(protocol("MESSAGE_TOO_LARGE")), "TooLarge")
    assert.strictEqual(tagOf(protocol("INVALID_TIMESTAMP")), "Refused")
    assert.strictEqual(tagOf(protocol("TOPIC_AUTHORIZATION_FAILED")), "Denied")
    assert.strictEqual(tagOf(named("KafkaJSSASLAuthenticationError")), "Denied")
    assert.strictEqual(tagOf(protocol("UNKNOWN_TOPIC_OR_PARTITION")), "Unavailable, not stored")
  })

  it("tells what is certainly not stored from what may be", () => {
    assert.strictEqual(tagOf(protocol("NOT_LEADER_FOR_PARTITION")), "Unavailable, not stored")
    assert.strictEqual(tagOf(protocol("NOT_ENOUGH_REPLICAS")), "Unavailable, not stored")
    assert.strictEqual(tagOf(named("KafkaJSConnectionError", { code: "ECONNREFUSED" })), "Unavailable, not stored")
    assert.strictEqual(tagOf(protocol("NOT_ENOUGH_REPLICAS_AFTER_APPEND")), "Unavailable, unknown")
    assert.strictEqual(tagOf(protocol("REQUEST_TIMED_OUT")), "Unavailable, unknown")
    assert.strictEqual(tagOf(named("KafkaJSConnectionClosedError")), "Unavailable, unknown")
    assert.strictEqual(tagOf(named("KafkaJSRequestTimeoutError")), "Unavailable, unknown")
    assert.strictEqual(tagOf(new Error("Broker not connected")), "Unavailable, unknown")
  })
})
