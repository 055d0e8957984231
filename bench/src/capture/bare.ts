/**
 * The bare server that capture is compared with: `node:http`, inflate, `JSON.parse`, token present, `JSON.stringify` of the
 * message, and our own producer on the same log with the same key, nine headers and gather. No other check, no other way in.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { gunzipSync } from "node:zlib"
import * as Topics from "@tributary/domain/row/Topics"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import { Producer } from "@tributary/pipeline/service/Producer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ClientEvent } from "../Events.ts"
import * as Measured from "../process/Measured.ts"
import * as World from "../World.ts"
import type { Door } from "./ours.ts"

type Body =
  | (ClientEvent & { readonly token: string })
  | { readonly api_key: string; readonly sent_at: string; readonly batch: ReadonlyArray<ClientEvent> }

const message = (event: ClientEvent, token: string, now: string, sentAt: string | undefined): LogMessage => ({
  topic: Topics.events,
  key: `${token}:${event.distinct_id}`,
  value: JSON.stringify({
    uuid: event.uuid,
    distinct_id: event.distinct_id,
    ip: "127.0.0.1",
    data: JSON.stringify(event),
    now,
    sent_at: sentAt,
    token,
    event: event.event,
    timestamp: event.timestamp
  }),
  headers: [
    ["token", token],
    ["distinct_id", event.distinct_id],
    ["session_id", null],
    ["timestamp", String(Date.parse(event.timestamp))],
    ["event", event.event],
    ["uuid", event.uuid],
    ["now", now],
    ["force_disable_person_processing", null],
    ["historical_migration", null]
  ]
})

const messages = (raw: Buffer, encoding: string | undefined): ReadonlyArray<LogMessage> | undefined => {
  const body: Body = JSON.parse((encoding === "gzip" ? gunzipSync(raw) : raw).toString())
  const now = new Date().toISOString()
  if ("batch" in body) {
    const { api_key: token, batch, sent_at: sentAt } = body
    return token ? batch.map((event) => message(event, token, now, sentAt)) : undefined
  }
  return body.token ? [message(body, body.token, now, undefined)] : undefined
}

const reply = (response: ServerResponse, status: number, body: string): void => {
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length })
  response.end(body)
}

const listener = (producer: Producer["Service"]) => (request: IncomingMessage, response: ServerResponse) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const raw = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const made = messages(raw, request.headers["content-encoding"])
    if (made === undefined) return reply(response, 401, "{}")
    Effect.runFork(producer.send(made)).addObserver((exit) =>
      exit._tag === "Success" ? reply(response, 200, '{"status":"Ok"}') : reply(response, 503, "{}")
    )
  })
}

Measured.run(
  Effect.gen(function* () {
    const settings = yield* World.settings
    const stores = yield* Layer.build(World.stores(settings))
    const producer = yield* Effect.provide(Producer, stores)
    return yield* Effect.callback<Door>((resume) => {
      const server = createServer(listener(producer))
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = address === null || typeof address === "string" ? 0 : address.port
        resume(Effect.succeed({ port }))
      })
    })
  })
)
