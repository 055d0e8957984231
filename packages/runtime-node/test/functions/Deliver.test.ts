import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Deliver from "@tributary/pipeline/deliver/Deliver"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import * as StandardWebhooks from "@tributary/pipeline/destination/StandardWebhooks"
import * as Health from "@tributary/pipeline/service/Health"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import { Producer } from "@tributary/pipeline/service/Producer"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import { Effect, Layer, Redacted, Result, Schedule } from "effect"
import { aMessage, textOf, uuid } from "../../../pipeline/test/deliver/fixtures.ts"
import * as DeliveryStore from "../../src/functions/DeliveryStore.ts"
import * as EventGroups from "../../src/functions/EventGroups.ts"
import * as Fernet from "../../src/functions/Fernet.ts"
import * as FunctionStore from "../../src/functions/FunctionStore.ts"
import * as GeoIpDatabase from "../../src/geoip/GeoIpDatabase.ts"
import * as Address from "../../src/outbound/Address.ts"
import * as OutboundHttp from "../../src/outbound/OutboundHttp.ts"
import { ProjectsDatabase } from "../../src/postgres/Database.ts"
import * as ProjectStore from "../../src/postgres/ProjectStore.ts"
import * as TestDatabase from "../postgres/TestDatabase.ts"

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver on loopback that is busy at first. */
const receiver = Effect.gen(function* () {
  const received: Array<Received> = []
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const self = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          received.push({ headers: request.headers, body: Buffer.concat(chunks).toString("utf8") })
          response.writeHead(received.length === 1 ? 503 : 200).end()
        })
      })
      self.listen(0, "127.0.0.1", () => resume(Effect.succeed(self)))
    }),
    (self) =>
      Effect.callback<void>((resume) => {
        self.close(() => resume(Effect.void))
        self.closeAllConnections()
      })
  )
  return { received, port: (server.address() as AddressInfo).port }
})

const keys = Result.getOrThrow(Fernet.parseKeys(Redacted.make("0123456789abcdef0123456789abcdef")))
const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
const log = EventLogMemory.make()

const world = Layer.mergeAll(
  FunctionStore.layer({ siteUrl: "https://eu.example", keys }).pipe(
    Layer.provide([TransformationRegistry.layer(), DestinationRegistry.layer()]),
    Layer.provide(GeoIpDatabase.layerNone)
  ),
  ProjectStore.layer,
  DeliveryStore.layer,
  EventGroups.layer,
  OutboundHttp.layer({ allowPrivate: Result.getOrThrow(Address.parseRanges("127.0.0.1")) }),
  EventLogMemory.layer(log),
  Health.Health.layer
).pipe(Layer.provideMerge(TestDatabase.layer))

/** Looks until it is so. */
const until = (condition: Effect.Effect<boolean>) =>
  condition.pipe(Effect.repeat({ until: (so) => so, schedule: Schedule.spaced("20 millis") }), Effect.asVoid)

describe("delivery on PostgreSQL and HTTP", () => {
  it.live("a webhook is tried again until it is taken, signed with a secret that only the row's cipher holds", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const { port, received } = yield* receiver
      yield* sql`INSERT INTO posthog_team (id, project_id, api_token, name) VALUES (1, 1, 'phc_1', 'Shop')`
      const inputs = {
        url: { value: `http://127.0.0.1:${port}/{event.event}` },
        body: { value: { name: "{project.name}", email: "{person.properties.email}" } }
      }
      const secrets = Fernet.encrypt(keys, JSON.stringify({ signing_secret: { value: signingSecret } }), 0)
      yield* sql`INSERT INTO posthog_hogfunction (team_id, type, enabled, template_id, inputs, encrypted_inputs)
        VALUES (1, 'destination', true, 'template-webhook', ${JSON.stringify(inputs)}::jsonb, ${secrets})`

      yield* Deliver.run({ siteUrl: "https://eu.example" })
      yield* Producer.use((producer) =>
        producer.send(
          // No column holds the first one's project: PostgreSQL refuses to look for it, and the other is delivered.
          [aMessage({ team: 3_000_000_000, projectId: 3_000_000_000, uuid: uuid(2) }), aMessage()].map((message) => ({
            topic: Topics.clickhouseEvents,
            key: message.uuid,
            value: textOf(message),
            headers: []
          }))
        )
      )
      yield* until(Effect.sync(() => received.length === 2))

      const [first, second] = received
      assert.strictEqual(second?.body, '{"name":"Shop","email":"ann@example.com"}')
      assert.strictEqual(first?.headers["webhook-id"], second?.headers["webhook-id"])
      const {
        "webhook-id": id = "",
        "webhook-timestamp": timestamp,
        "webhook-signature": signature
      } = second?.headers ?? {}
      const signed = { id: String(id), timestamp: Number(timestamp), body: second?.body ?? "" }
      const expected = Result.getOrThrow(StandardWebhooks.sign(Redacted.make(signingSecret), signed))
      assert.strictEqual(signature, expected["webhook-signature"])

      const rows = sql<{ state: string | null; attempts: number }>`SELECT state, attempts FROM tributary_delivery`
      yield* until(Effect.map(Effect.orDie(rows), ([row]) => row?.state === "delivered"))
      assert.deepStrictEqual(yield* rows, [{ state: "delivered", attempts: 2 }])
      assert.strictEqual(log.records(Topics.clickhouseEvents).length, 2)
    }).pipe(Effect.scoped, Effect.provide(world))
  )
})
