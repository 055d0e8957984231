/**
 * What became of one message. Expected, frequent and hot, hence plain data and never an `Error`.
 *
 * Every consumed message ends in exactly one of four ways (spec worker 1): stored, dropped by a named rule, dead letter
 * with its reason, or redirected to another lane.
 */

/** The reasons that a dead letter may carry in its header `dlq_reason` (spec worker 6.3). */
export type DeadLetterReason =
  | "failed_parse_message"
  | "empty_uuid"
  | "invalid_uuid"
  | "event_in_denylist"
  | "restricted_to_dlq"
  | "cookieless_fail_close"
  | "Merge limit exceeded"
  | "message_size_too_large"
  | "Processing error - non-retriable"
  | "unexpected_event_type"

export interface Continue<out A> {
  readonly _tag: "Continue"
  readonly value: A
}
export interface Drop {
  readonly _tag: "Drop"
  readonly reason: string
}
export interface DeadLetter {
  readonly _tag: "DeadLetter"
  readonly reason: DeadLetterReason
  /** The step that gave up, for the header `dlq_step`. */
  readonly step: string
  /** One sentence for people, for the header `dlq_error`. */
  readonly error: string
  /** The project, where only the step that gave up knows it, for the header `dlq_team_id`. */
  readonly team?: number
}
export interface Redirect {
  readonly _tag: "Redirect"
  readonly lane: "overflow"
  readonly reason: string
  readonly keepKey: boolean
}

export type Outcome<A> = Continue<A> | Drop | DeadLetter | Redirect

export const next = <A>(value: A): Continue<A> => ({ _tag: "Continue", value })
export const drop = (reason: string): Drop => ({ _tag: "Drop", reason })
export const deadLetter = (reason: DeadLetterReason, step: string, error: string): DeadLetter => ({
  _tag: "DeadLetter",
  reason,
  step,
  error
})
