/** Messages, rows and programs for tests of delivery. */
import type { Properties } from "@tributary/domain/event/Properties"
import type * as Globals from "@tributary/domain/function/Globals"
import type { Row } from "@tributary/domain/function/HogFunction"
import * as Topics from "@tributary/domain/row/Topics"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import { GeoIp } from "@tributary/pipeline/service/GeoIp"
import * as Health from "@tributary/pipeline/service/Health"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as DeliveryStoreMemory from "@tributary/pipeline/service/memory/DeliveryStoreMemory"
import * as EventGroupsMemory from "@tributary/pipeline/service/memory/EventGroupsMemory"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import * as FunctionStoreMemory from "@tributary/pipeline/service/memory/FunctionStoreMemory"
import * as OutboundMemory from "@tributary/pipeline/service/memory/OutboundMemory"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import type { OutboundRequest } from "@tributary/pipeline/service/Outbound"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import { Effect, Layer } from "effect"
import { aRow } from "../transformation/fixtures.ts"

export const uuid = (n: number): string => `018f3a2e-0000-7000-8000-${String(n).padStart(12, "0")}`

export const aMessage = (more: Partial<Globals.EventMessage> = {}): Globals.EventMessage => ({
  team: 1,
  projectId: 1,
  uuid: uuid(1),
  event: "signup",
  distinctId: "d 1",
  properties: {},
  elementsChain: "",
  timestamp: "2024-05-01T10:00:00.000Z",
  capturedAt: null,
  person: { id: "p1", properties: { email: "ann@example.com" } },
  historicalMigration: false,
  ...more
})

/** A message as it lies in the log. */
export const textOf = (message: Globals.EventMessage): string =>
  JSON.stringify({
    team_id: message.team,
    project_id: message.projectId,
    uuid: message.uuid,
    event: message.event,
    distinct_id: message.distinctId,
    properties: JSON.stringify(message.properties),
    elements_chain: message.elementsChain,
    timestamp: message.timestamp.replace("T", " ").replace("Z", ""),
    captured_at: message.capturedAt,
    person_id: message.person?.id,
    person_properties: message.person === null ? undefined : JSON.stringify(message.person.properties),
    historical_migration: message.historicalMigration ? true : undefined
  })

let offset = 0n
export const aRecord = (value: string): LogRecord => {
  offset += 1n
  return {
    topic: Topics.clickhouseEvents,
    partition: 0,
    offset,
    key: null,
    value: new TextEncoder().encode(value),
    headers: [],
    timestamp: 0
  }
}

/** A webhook of project 1; inputs as plain values. */
export const aHook = (inputs: Properties = {}, more: Partial<Row> = {}): Row =>
  aRow({
    type: "destination",
    name: "hook",
    templateId: "template-webhook",
    inputs: Object.fromEntries(
      Object.entries({ url: "https://hooks.example/", ...inputs }).map(([key, value]) => [key, { value }])
    ),
    ...more
  })

/** Everything around delivery in memory, and what it did. */
export const aWorld = (hooks: ReadonlyArray<Row>, groups: ReadonlyArray<EventGroupsMemory.StoredGroup> = []) => {
  const sent: Array<OutboundRequest> = []
  const rows = new Map(hooks.map((row) => [row.id, row]))
  const deliveries = new Map<string, DeliveryStoreMemory.Row>()
  const log = EventLogMemory.make({ partitions: 1 })
  /** How the outside answers. Replace it at any time. */
  const outside: { answer: OutboundMemory.Answer } = { answer: () => Effect.succeed(OutboundMemory.ok) }
  /** The texts of a topic, parsed. */
  const told = (topic: string): ReadonlyArray<Record<string, unknown>> =>
    log.records(topic).map(({ value }) => JSON.parse(new TextDecoder().decode(value ?? new Uint8Array())))
  /** Counts by metric, summed up. */
  const metrics = (): Record<string, number> => {
    const counts = new Map<string, number>()
    for (const { count, metric_name } of told(Topics.clickhouseAppMetrics)) {
      counts.set(String(metric_name), (counts.get(String(metric_name)) ?? 0) + Number(count))
    }
    return Object.fromEntries(counts)
  }
  /** Levels and texts of the log lines. */
  const lines = (): ReadonlyArray<string> => told(Topics.logEntries).map(({ level, message }) => `${level}: ${message}`)
  const layer = Layer.mergeAll(
    FunctionStoreMemory.layer(rows).pipe(
      Layer.provide(TransformationRegistry.layer()),
      Layer.provide(DestinationRegistry.layer()),
      Layer.provide(GeoIp.layerMemory(new Map()))
    ),
    ProjectStoreMemory.layer([ProjectStoreMemory.project({ id: 1, apiToken: "phc_1", name: "Shop" })]),
    EventGroupsMemory.layer(groups),
    DeliveryStoreMemory.layer(deliveries),
    OutboundMemory.layer(sent, (request) => outside.answer(request)),
    EventLogMemory.layer(log),
    Health.Health.layer
  )
  return { sent, rows, deliveries, log, outside, told, metrics, lines, layer }
}
