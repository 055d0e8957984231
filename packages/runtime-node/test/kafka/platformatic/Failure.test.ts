/** What errors of the client mean, with errors as the client makes them. */

import { assert, describe, it } from "@effect/vitest"
import {
  AuthenticationError,
  MultipleErrors,
  NetworkError,
  ProtocolError,
  ResponseError,
  TimeoutError,
  UserError
} from "@platformatic/kafka"
import * as Failure from "../../../src/kafka/platformatic/Failure.ts"

const failed = (...errors: ReadonlyArray<Error>) => new MultipleErrors("Producing messages failed.", [...errors])

const refused = new NetworkError("Connection to kafka:9092 failed.", {
  cause: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })
})

describe("an error of @platformatic/kafka", () => {
  it("means by its deepest cause what outer ones deny", () => {
    const cases: ReadonlyArray<readonly [error: Error, tag: string, unknown?: boolean]> = [
      [failed(new ProtocolError("MESSAGE_TOO_LARGE")), "TooLarge"],
      [failed(failed(new ProtocolError("INVALID_TIMESTAMP"))), "Refused"],
      [failed(new ProtocolError("TOPIC_AUTHORIZATION_FAILED")), "Denied"],
      // It says itself that it may be retried.
      [failed(new NetworkError("failed", { cause: new AuthenticationError("SASL authentication failed.") })), "Denied"],
      [new UserError("Broker requires TLS."), "Denied"],
      [new NetworkError("Client is closed.", { canRetry: false, closed: true }), "Denied"],
      [new UserError("Unknown topic events."), "Unavailable", false],
      [failed(refused), "Unavailable", false],
      [failed(new ProtocolError("NOT_LEADER_OR_FOLLOWER")), "Unavailable", false],
      [failed(new ProtocolError("NOT_ENOUGH_REPLICAS_AFTER_APPEND")), "Unavailable", true],
      [new TimeoutError("Request timed out"), "Unavailable", true],
      [new NetworkError("Connection closed"), "Unavailable", true],
      [new TypeError("a bug"), "Unavailable", true]
    ]
    for (const [error, tag, unknown] of cases) {
      const outcome = Failure.outcomeOf(error)
      assert.strictEqual(outcome._tag, tag, error.message)
      if (outcome._tag === "Unavailable") assert.strictEqual(outcome.unknown, unknown, String(outcome.cause))
    }
  })

  it("tells which partitions of a send are stored, by what brokers acknowledged and what an answer says", () => {
    const response = {
      responses: [
        {
          name: "events",
          partitionResponses: [
            { index: 1, errorCode: 0 },
            { index: 2, errorCode: 10 }
          ]
        }
      ]
    }
    const answer = new ResponseError(0, 11, { "/responses/0/partitions/1": [10, null] }, response)
    const error = Object.assign(failed(refused, answer), {
      produced: { offsets: [{ topic: "events", partition: 0, offset: 7n }] }
    })
    assert.deepStrictEqual(
      [...Failure.outcomesIn(error)].map(([key, { _tag }]) => [key, _tag]),
      [
        ["events:0", "Stored"],
        ["events:1", "Stored"],
        ["events:2", "TooLarge"]
      ]
    )
  })
})
