/** What capture answers on the v0 protocol: success, or a refusal with its tag and one sentence (spec capture 1.4, 1.5). */

/** An answer, ready to be written. */
export interface Reply {
  readonly status: number
  /** JSON text; empty with 204. */
  readonly body: string
  /** Seconds for `Retry-After`; undefined = no such header. */
  readonly retryAfter?: number
}

/** The tags of spec capture 1.5 with their status; labels of the metrics, too. */
const statusOf = {
  req_decoding: 400,
  req_parsing: 400,
  req_hydration: 400,
  empty_payload: 400,
  empty_batch: 400,
  no_event_name: 400,
  no_distinct_id: 400,
  invalid_cookieless: 400,
  non_retry_sink: 400,
  no_token: 401,
  multiple_tokens: 401,
  invalid_token: 401,
  unknown_token: 401,
  body_read_timeout: 408,
  oversize_event: 413,
  internal_error: 500,
  retryable_sink: 503,
  service_unavailable: 503
} as const

export type Code = keyof typeof statusOf

/**
 * Why a request is refused. Plain data, no `Error`: a flood of bad requests must not pay for stacks. A class, because
 * the payload beside which it is returned may be any JSON value.
 */
export class Refusal {
  readonly code: Code
  /** One sentence for people that names the event's index (from 0), the field, the limit and the size, where there are any. */
  readonly detail: string
  constructor(code: Code, detail: string) {
    this.code = code
    this.detail = detail
  }
}

export const ok: Reply = { status: 200, body: '{"status":"Ok"}' }

/** For `beacon=1`: nobody reads the answer. */
export const noContent: Reply = { status: 204, body: "" }

/** Accepted, but the token belongs to no project (spec capture 3.1). */
export const okWithWarning: Reply = {
  status: 200,
  body: '{"status":"Ok","warning":"The token belongs to no project (yet): until a project has it, these events are dropped."}'
}

/** Session replay is not served; posthog-js pauses sending it on this answer (spec capture 1.1). */
export const noRecordings: Reply = { status: 200, body: '{"status":"Ok","quota_limited":["recordings"]}' }

const typeOf = (status: number): string =>
  status === 401
    ? "authentication_error"
    : status === 429
      ? "throttled_error"
      : status >= 500
        ? "server_error"
        : "validation_error"

/** The JSON object `{type, code, detail, error}`; some SDKs print `detail`, some `error`. */
export const refuse = ({ code, detail }: Refusal): Reply => {
  const status = statusOf[code]
  const body = JSON.stringify({ type: typeOf(status), code, detail, error: detail })
  return status === 503 ? { status, body, retryAfter: 1 } : { status, body }
}
