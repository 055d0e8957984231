/** The whole pipeline in memory: a request goes in, a person and a row come out. */
import * as Capture from "@tributary/pipeline/capture/Capture"
import * as CaptureSettings from "@tributary/pipeline/capture/Settings"
import * as Consume from "@tributary/pipeline/ingest/Consume"
import * as Ingest from "@tributary/pipeline/ingest/Ingest"
import * as IngestSettings from "@tributary/pipeline/ingest/Settings"
import * as MemoryWorld from "@tributary/pipeline/service/memory/MemoryWorld"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import * as Sink from "@tributary/pipeline/sink/Sink"
import { Effect } from "effect"

const world = MemoryWorld.make({ projects: [ProjectStoreMemory.project({ id: 1, apiToken: "phc_mine" })] })
const { main, overflow } = CaptureSettings.defaults.topics
const group = "events-ingestion-consumer"

export const program = Effect.gen(function* () {
  // The worker: one lane, and the sink that fills the tables.
  const ingest = Ingest.make(Ingest.stages(IngestSettings.defaults, { overflow }), IngestSettings.defaults)
  yield* Consume.consume({
    name: "main",
    group,
    topic: main,
    maxMessages: 500,
    maxBytes: 16_000_000,
    process: (records) => ingest(group, records)
  })
  yield* Sink.run({ topicPrefix: "", groupPrefix: "clickhouse-", flushMs: 10 })

  // Capture: what an SDK sends, and what it is answered.
  const capture = yield* Capture.make(CaptureSettings.defaults)
  const event = { event: "signed up", distinct_id: "alice", properties: { $set: { plan: "pro" } } }
  const reply = yield* capture({
    path: "/batch",
    query: "",
    contentType: "application/json",
    contentEncoding: undefined,
    ip: "203.0.113.7",
    body: Buffer.from(JSON.stringify({ api_key: "phc_mine", batch: [event] }))
  })

  // Wait until it has arrived.
  const events = world.clickhouse.rows.get("events") ?? []
  yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => events.length > 0 })
  return { status: reply.status, events, people: [...world.people.persons.values()] }
}).pipe(Effect.scoped, Effect.provide(world.layer))

if (import.meta.main) console.dir(await Effect.runPromise(program), { depth: 4 })
