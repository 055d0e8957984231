/** Answers of ClickHouse's HTTP protocol (guides clickhouse 7). */
import type { OutgoingHttpHeaders } from "node:http"
import { promisify } from "node:util"
import * as zlib from "node:zlib"
import type { Answer, EngineError } from "../Engine.ts"

export interface Reply {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Uint8Array
}

/** The engine as it introduces itself. */
export interface Server {
  readonly version: string
  readonly timezone: string
}

export const text = (status: number, body: string): Reply => ({
  status,
  headers: { "content-type": "text/plain; charset=UTF-8" },
  body: new TextEncoder().encode(body)
})

const contentType = (format: string): string =>
  /^(JSONEachRow|JSONCompactEachRow|JSONLines|NDJSON|JSONStringsEachRow)/.test(format)
    ? "application/x-ndjson; charset=UTF-8"
    : format.startsWith("JSON")
      ? "application/json; charset=UTF-8"
      : format.startsWith("CSV")
        ? "text/csv; charset=UTF-8; header=" + (format.includes("Names") ? "present" : "absent")
        : /^(TabSeparated|TSV)/.test(format)
          ? "text/tab-separated-values; charset=UTF-8"
          : /^(RowBinary|Native|Parquet|Arrow|ORC|Avro)/.test(format)
            ? "application/octet-stream"
            : "text/plain; charset=UTF-8"

const gzip = promisify<Uint8Array, Buffer>(zlib.gzip)
const zstd = promisify<Uint8Array, Buffer>(zlib.zstdCompress)

export interface Answered {
  readonly answer: Answer
  readonly format: string
  readonly queryId: string
  readonly packing: "gzip" | "zstd" | undefined
}

const shared = ({ timezone }: Server, queryId: string): OutgoingHttpHeaders => ({
  "x-clickhouse-query-id": queryId,
  "x-clickhouse-server-display-name": "tributary",
  "x-clickhouse-timezone": timezone
})

/** The rows of a result are not told by the engine: the rows read stand in, and never 0, which JDBC takes for a failure. */
const summary = ({ bytes, bytesRead, elapsedSeconds, rowsRead, rowsWritten }: Answer): string =>
  JSON.stringify({
    read_rows: String(rowsRead),
    read_bytes: String(bytesRead),
    written_rows: String(rowsWritten),
    written_bytes: "0",
    total_rows_to_read: "0",
    result_rows: String(Math.max(rowsRead, 1)),
    result_bytes: String(bytes.length),
    elapsed_ns: String(Math.round(elapsedSeconds * 1e9))
  })

export const answer = async (server: Server, { answer: got, format, packing, queryId }: Answered): Promise<Reply> => {
  const body = packing === "gzip" ? await gzip(got.bytes) : packing === "zstd" ? await zstd(got.bytes) : got.bytes
  return {
    status: 200,
    headers: {
      ...shared(server, queryId),
      "content-type": contentType(format),
      "x-clickhouse-format": format,
      "x-clickhouse-summary": summary(got),
      ...(packing === undefined ? {} : { "content-encoding": packing })
    },
    body
  }
}

const statuses = new Map([
  ...[46, 47, 60, 81].map((code) => [code, 404] as const),
  ...[6, 26, 27, 36, 42, 43, 53, 62, 73, 115, 116, 184, 386, 456, 457].map((code) => [code, 400] as const),
  ...[164, 497, 516].map((code) => [code, 403] as const),
  [159, 408] as const
])

/** Clients read code and name from the text. */
export const failure = (server: Server, { code, message }: EngineError, queryId: string): Reply => {
  const plain = /^Code: \d+\. DB::Exception: (Code: .*)$/s.exec(message)?.[1] ?? message
  const versioned = / \(version [\d.]+\)/.exec(plain)
  const body =
    versioned === null ? `${plain} (version ${server.version})` : plain.slice(0, versioned.index + versioned[0].length)
  const reply = text(statuses.get(code) ?? 500, `${body}\n`)
  return {
    ...reply,
    headers: { ...reply.headers, ...shared(server, queryId), "x-clickhouse-exception-code": String(code) }
  }
}
