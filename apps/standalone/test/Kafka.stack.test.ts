/** `npm start` with Kafka in place of the log in PostgreSQL, and the other two engines embedded. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import * as Folder from "../../../packages/embedded/test/support/Folder.ts"
import { capture, events, request, start } from "./support/Start.ts"

const kafka = () => ({ KAFKA_HOSTS: inject("kafkaHosts").join(","), KAFKA_PREFIX: `${randomUUID()}.` })

/** What ClickHouse knows of its readers. */
const kafkaTables = (port: number) =>
  request(
    `http://127.0.0.1:${port}/`,
    "SELECT count() FROM system.tables WHERE database = 'tributary' AND engine = 'Kafka' FORMAT TabSeparated"
  )

const ready = { status: 200, text: '{"status":"ready"}' }

describe("KAFKA_HOSTS npm start", { timeout: 480_000 }, () => {
  it.live("what went in before over the log in PostgreSQL, and what comes then over Kafka, all arrives", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const topics = { KAFKA_PREFIX: `${randomUUID()}.` }
      const before = yield* start(folder, topics)
      yield* before.greeting
      assert.strictEqual((yield* capture(before, "a", "b", "c")).status, 200)
      yield* events(before, ["a", "b", "c"])
      yield* before.kill("SIGTERM")
      // The topics have the same names, and offsets from 0 again.
      const program = yield* start(folder, { ...kafka(), ...topics })
      yield* program.greeting
      assert.deepStrictEqual(yield* request(`http://127.0.0.1:${program.port}/_readiness`), ready)
      assert.strictEqual((yield* capture(program, "d", "e")).status, 200)
      assert.deepStrictEqual(yield* events(program, ["a", "b", "c", "d", "e"]), ["a", "b", "c", "d", "e"])
      const { code, errors } = yield* program.kill("SIGTERM")
      assert.deepStrictEqual([code, errors], [0, ""])
    })
  )

  it.live("the embedded ClickHouse reads Kafka by itself, and the sink goes on where it was", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const settings = kafka()
      const first = yield* start(folder, { ...settings, CLICKHOUSE_INGEST: "kafka-engine" })
      yield* first.greeting
      assert.strictEqual((yield* capture(first, "a", "b")).status, 200)
      assert.deepStrictEqual(yield* events(first, ["a", "b"]), ["a", "b"])
      assert.notStrictEqual((yield* kafkaTables(first.clickhousePort)).text, "0\n")
      assert.deepStrictEqual(yield* request(`http://127.0.0.1:${first.port}/_readiness`), ready)
      assert.strictEqual((yield* first.kill("SIGTERM")).code, 0)
      const second = yield* start(folder, settings)
      yield* second.greeting
      assert.strictEqual((yield* kafkaTables(second.clickhousePort)).text, "0\n")
      assert.strictEqual((yield* capture(second, "c")).status, 200)
      assert.deepStrictEqual(yield* events(second, ["a", "b", "c"]), ["a", "b", "c"])
    })
  )
})
