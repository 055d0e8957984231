/**
 * How far one partition of a table that must not count a row twice has got (guides clickhouse 5).
 *
 * The bounds of an insert are stored before it. Who finds such bounds after a crash, or after another sink, does not know
 * whether the insert arrived: it inserts exactly that range again, with the same token, and goes on from there. Pure: what
 * is done with a plan is the sink's business.
 */
import type { LogRecord } from "../service/LogMessage.ts"
import type { Mark, Range } from "../service/Progress.ts"

export interface Bounded {
  /** The progress row as last seen. */
  readonly seen: Range["seen"]
  /** Everything below is in the table. */
  readonly low: bigint
  /** The range from `low` to here may be in the table: it is to be repeated before anything else. */
  readonly repeatEnd: bigint | undefined
  /** Polled records that wait for the rest of the range that is to be repeated. */
  readonly held: ReadonlyArray<LogRecord>
}

/** The state that a progress row stands for. `committed` at or above the row's range says that the range is in. */
export const fromMark = ({ nextOffset, pendingEnd }: Range["seen"], committed: bigint | undefined): Bounded => {
  const seen = { nextOffset, pendingEnd }
  if (pendingEnd === undefined) return { seen, low: nextOffset, repeatEnd: undefined, held: [] }
  return committed !== undefined && committed >= pendingEnd
    ? { seen, low: pendingEnd, repeatEnd: undefined, held: [] }
    : { seen, low: nextOffset, repeatEnd: pendingEnd, held: [] }
}

/**
 * The state at assignment. A log whose end lies inside the row's range lost messages of it: what is left is not the range
 * that was begun, so it is cut anew, and may come twice (`wasCut`).
 */
export const atAssignment = (
  mark: Mark,
  committed: bigint | undefined,
  end: bigint
): { readonly state: Bounded; readonly wasCut: boolean } => {
  const state = fromMark(mark, committed)
  const wasCut = state.repeatEnd !== undefined && end < state.repeatEnd
  return { state: wasCut ? { ...state, repeatEnd: undefined } : state, wasCut }
}

export type Plan =
  /** Nothing to insert now. */
  | { readonly _tag: "Wait"; readonly state: Bounded }
  /** Insert this range, whose bounds are stored already. */
  | {
      readonly _tag: "Repeat"
      readonly records: ReadonlyArray<LogRecord>
      readonly start: bigint
      readonly end: bigint
    }
  /** Store these bounds, then insert. */
  | { readonly _tag: "Begin"; readonly records: ReadonlyArray<LogRecord>; readonly start: bigint; readonly end: bigint }

/** What to do next, with these records of the partition in hand (the held ones first, in log order). */
export const plan = (state: Bounded, records: ReadonlyArray<LogRecord>): Plan => {
  const missing = records.filter(({ offset }) => offset >= state.low)
  const first = missing[0]
  const last = missing.at(-1)
  if (first === undefined || last === undefined) return { _tag: "Wait", state: { ...state, held: [] } }
  const { repeatEnd } = state
  if (repeatEnd === undefined) return { _tag: "Begin", records: missing, start: first.offset, end: last.offset + 1n }
  if (last.offset + 1n < repeatEnd) return { _tag: "Wait", state: { ...state, held: missing } }
  const range = missing.filter(({ offset }) => offset < repeatEnd)
  return { _tag: "Repeat", records: range, start: state.low, end: repeatEnd }
}

/** The state after the insert of a plan is acknowledged: its bounds are the row's, and the range is in. */
export const inserted = ({ start, end }: { readonly start: bigint; readonly end: bigint }): Bounded => ({
  seen: { nextOffset: start, pendingEnd: end },
  low: end,
  repeatEnd: undefined,
  held: []
})
