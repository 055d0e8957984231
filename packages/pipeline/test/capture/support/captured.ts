/** What capture wrote to the log, read back, and a capture to write it. */
import * as Capture from "@tributary/pipeline/capture/Capture"
import * as Settings from "@tributary/pipeline/capture/Settings"
import { type Headers, header } from "@tributary/pipeline/service/LogMessage"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

type Json = Record<string, unknown>

export interface Captured {
  readonly topic: string
  readonly key: string | null
  readonly value: Json
  /** The value's `data`, parsed. */
  readonly data: Json
  readonly headers: Headers
  readonly header: (name: string) => string | undefined
}

const object = (text: string): Json => {
  const value: unknown = JSON.parse(text)
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`no JSON object: ${text}`)
  return { ...value }
}

/** Everything in the log, topic by topic, in the order of each partition. */
export const captured = (log: EventLogMemory.MemoryLog): ReadonlyArray<Captured> =>
  log.topics().flatMap((topic) =>
    log.records(topic).map((record) => {
      const value = object(new TextDecoder().decode(record.value ?? new Uint8Array()))
      return {
        topic,
        key: record.key === null ? null : new TextDecoder().decode(record.key),
        value,
        data: object(String(value["data"])),
        headers: record.headers,
        header: (name: string) => header(record.headers, name)
      }
    })
  )

/** A clock that stands still; waiting takes its time all the same. */
export const clockAt = (now: () => number): Layer.Layer<never> =>
  Layer.effect(
    Clock.Clock,
    Effect.map(Clock.Clock, (real) => ({
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now),
      currentTimeNanosUnsafe: () => BigInt(now()) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => BigInt(now()) * 1_000_000n),
      monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: real.monotonicTimeNanos,
      sleep: (duration) => real.sleep(duration)
    }))
  )

/** Capture over a log in memory with one partition, where the project of `token` exists. */
export const make = Effect.fnUntraced(function* ({
  now,
  settings = {},
  token
}: {
  readonly now: number
  readonly token: string
  readonly settings?: Partial<Settings.Settings>
}) {
  const log = EventLogMemory.make({ partitions: 1 })
  const projects = [ProjectStoreMemory.project({ id: 1, apiToken: token })]
  const layer = Layer.mergeAll(
    EventLogMemory.layer(log),
    ProjectStoreMemory.layer(projects),
    clockAt(() => now)
  )
  const capture = yield* Effect.provide(Capture.make({ ...Settings.defaults, ...settings }), layer)
  return { capture, log, captured: () => captured(log) }
})

/** A request to capture; JSON bodies are given as values. */
export const request = (
  partial: Partial<Omit<Capture.CaptureRequest, "body">> & { readonly body?: Buffer | string | object }
): Capture.CaptureRequest => {
  const { body = "", ...rest } = partial
  return {
    path: "/e",
    query: "",
    contentType: undefined,
    contentEncoding: undefined,
    ip: "203.0.113.7",
    ...rest,
    body: body instanceof Buffer ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body))
  }
}
