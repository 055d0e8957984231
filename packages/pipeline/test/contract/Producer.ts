/** What every layer of `Producer` promises; the log is read with the layer's own `EventLog`. */
import { assert, layer } from "@effect/vitest"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"
import { partitionOf } from "@tributary/pipeline/service/Partitioner"
import type { Producer } from "@tributary/pipeline/service/Producer"
import { Effect, type Layer } from "effect"
import { aMessage, firstOf, send, textOf, unique } from "./LogReader.ts"

export interface ProducerTraits {
  /** The layer's library keeps headers by name: those of one name come together, and null comes back as an empty text. */
  readonly headersByName?: boolean
}

type Pairs = ReadonlyArray<readonly [name: string, value: string | null]>

const byName = (headers: Pairs): Pairs =>
  [...Map.groupBy(headers, ([header]) => header)].flatMap(([header, all]) =>
    all.map(([, value]) => [header, value ?? ""] as const)
  )

export const producerContract = (
  name: string,
  implementation: Layer.Layer<EventLog | Producer, unknown>,
  traits: ProducerTraits = {}
) =>
  layer(implementation, { excludeTestServices: true })(`Producer: ${name}`, (it) => {
    it.effect("what is acknowledged can be read", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        assert.deepStrictEqual(yield* send([aMessage(topic, { key: "k", value: "v" })]), [])
        const [record] = yield* firstOf(topic, 1)
        assert.deepStrictEqual([textOf(record!.key), textOf(record!.value)], ["k", "v"])
      })
    )

    it.effect("an empty list does nothing", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* send([]), [])
      })
    )

    it.effect("a key's partition is its murmur2", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const keys = [
          "",
          "a",
          "token:user",
          "токен:ключ",
          "日本",
          "😀",
          ...Array.from({ length: 30 }, (_, i) => `k${i}`)
        ]
        yield* send(keys.map((key) => aMessage(topic, { key })))
        for (const { key, partition } of yield* firstOf(topic, keys.length)) {
          assert.strictEqual(partition, partitionOf(key!, 4))
        }
      })
    )

    it.effect("a message without a key is kept without one", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        yield* send([aMessage(topic, { key: null })])
        const [record] = yield* firstOf(topic, 1)
        assert.isNull(record!.key)
      })
    )

    it.effect("texts are UTF-8, bytes stay as they are", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        yield* send([
          aMessage(topic, { key: "k", value: "naïve\u0000 日本 😀" }),
          aMessage(topic, { key: "k", value: bytes }),
          aMessage(topic, { key: "k", value: "" })
        ])
        const [text, raw, empty] = yield* firstOf(topic, 3)
        assert.strictEqual(textOf(text!.value), "naïve\u0000 日本 😀")
        assert.deepStrictEqual([...raw!.value!], [...bytes])
        assert.strictEqual(empty!.value!.length, 0)
      })
    )

    it.effect("headers keep their order, their doubles and their nulls", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const headers: Pairs = [
          ["token", "phc"],
          ["session_id", null],
          ["__proto__", "x"],
          ["token", "second"],
          ["empty", ""],
          ['quotes"\n\u0000', "naïve 😀"]
        ]
        yield* send([aMessage(topic, { headers }), aMessage(topic, { headers: [] })])
        const [full, none] = yield* firstOf(topic, 2)
        assert.deepStrictEqual(
          full!.headers.map(([header, value]) => [header, value instanceof Uint8Array ? textOf(value) : value]),
          (traits.headersByName === true ? byName(headers) : headers).map((pair) => [...pair])
        )
        assert.deepStrictEqual(none!.headers, [])
      })
    )

    it.effect("a header's bytes that are no UTF-8 come back as they were", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        yield* send([aMessage(topic, { headers: [["raw", Uint8Array.of(0, 255, 254, 128)]] })])
        const [record] = yield* firstOf(topic, 1)
        const [, value] = record!.headers[0]!
        assert.deepStrictEqual(value, Uint8Array.of(0, 255, 254, 128))
      })
    )

    it.effect("messages of one key keep their order, in a call, from call to call, and between concurrent calls", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const sender = (key: string) =>
          Effect.forEach(
            Array.from({ length: 10 }, (_, call) => call),
            (call) => send([0, 1, 2].map((i) => aMessage(topic, { key, value: `${call * 3 + i}` })))
          )
        const keys = Array.from({ length: 8 }, (_, i) => `key${i}`)
        yield* Effect.forEach(keys, sender, { concurrency: "unbounded" })
        const read = yield* firstOf(topic, 240)
        for (const key of keys) {
          assert.deepStrictEqual(
            read.filter((record) => textOf(record.key) === key).map((record) => textOf(record.value)),
            Array.from({ length: 30 }, (_, i) => `${i}`)
          )
        }
      })
    )

    it.effect("a message over its topic's limit is rejected by its index, and the others are taken", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const value = new Uint8Array(MessageSize.limit(topic) + 1)
        const rejected = yield* send([
          aMessage(topic, { value: "before" }),
          aMessage(topic, { value }),
          aMessage(topic, { value: "after" })
        ])
        assert.deepStrictEqual(
          rejected.map(({ index, reason }) => [index, reason]),
          [[1, "TooLarge"]]
        )
        const read = yield* firstOf(topic, 2)
        assert.deepStrictEqual(
          read.map((record) => textOf(record.value)),
          ["before", "after"]
        )
      })
    )

    it.effect("the topic of dead letters takes a message that others would not", () =>
      Effect.gen(function* () {
        const topic = `${unique("prefix")}events_plugin_ingestion_dlq`
        const length = MessageSize.limit("events_plugin_ingestion") + 1
        const value = new Uint8Array(length).fill(97)
        assert.deepStrictEqual(yield* send([aMessage(topic, { value })]), [])
        const [record] = yield* firstOf(topic, 1)
        assert.strictEqual(record!.value!.length, length)
      })
    )
  })
