/** What real SDKs sent, and what must be made of it: the files of `fixtures/sdk`. */
import { readdirSync, readFileSync } from "node:fs"

type Json = Record<string, unknown>

export interface RecordedRequest {
  readonly kind: "events" | "preflight" | "flags" | "remote-config"
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface ExpectedEvent {
  /** Index of the request that brings it. */
  readonly request: number
  readonly event: string
  readonly distinct_id: string
  readonly token: string
  readonly uuid: string | null
  readonly timestamp: string | null
  readonly offset: number | null
  readonly set?: Json
  readonly set_once?: Json
  readonly unset?: unknown
  readonly properties?: Json
  readonly propertiesAnyOf?: Record<string, ReadonlyArray<unknown>>
}

export interface Recording {
  /** The SDK's. */
  readonly name: string
  readonly token: string
  readonly requests: ReadonlyArray<{
    readonly sent: RecordedRequest
    readonly wanted: {
      readonly status?: number
      readonly sentAt?: string | null
      /** Of a preflight: the headers that it asks for. */
      readonly requestHeaders?: ReadonlyArray<string>
    }
    /** None of a request that is refused. */
    readonly events: ReadonlyArray<ExpectedEvent>
  }>
}

interface File {
  readonly requests: ReadonlyArray<Omit<RecordedRequest, "body"> & { readonly bodyBase64?: string }>
  readonly expect: {
    readonly token: string
    readonly requests: ReadonlyArray<Recording["requests"][number]["wanted"] & { readonly accept?: "must" | "refuse" }>
    readonly events: ReadonlyArray<ExpectedEvent>
  }
}

/** When the recorded requests arrive. */
export const now = Date.parse("2026-11-23T00:00:00Z")

const folder = new URL("../fixtures/sdk/", import.meta.url)

const read = (file: string): Recording => {
  const { expect, requests }: File = JSON.parse(readFileSync(new URL(file, folder), "utf8"))
  return {
    name: file.replace(".json", ""),
    token: expect.token,
    requests: requests.map(({ bodyBase64 = "", ...sent }, index) => {
      const { accept, ...wanted } = expect.requests[index] ?? {}
      return {
        sent: { ...sent, body: Buffer.from(bodyBase64, "base64") },
        wanted,
        events: accept === "refuse" ? [] : expect.events.filter(({ request }) => request === index)
      }
    })
  }
}

export const recordings: ReadonlyArray<Recording> = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map(read)
