/** The message on `log_entries` (spec cdp 3.8): a line that a transformation or destination wrote. Keyed by `instanceId`. */
import { toClickHouse } from "../event/Timestamp.ts"

export interface LogEntry {
  readonly team: number
  /** `hog_function`. */
  readonly source: string
  /** The id of the function. */
  readonly sourceId: string
  /** The id of the invocation. */
  readonly instanceId: string
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly level: "debug" | "info" | "warn" | "error"
  readonly message: string
}

export const encode = (entry: LogEntry): string =>
  JSON.stringify({
    team_id: entry.team,
    log_source: entry.source,
    log_source_id: entry.sourceId,
    instance_id: entry.instanceId,
    timestamp: toClickHouse(entry.timestamp),
    level: entry.level,
    message: entry.message
  })

/** The lines of one invocation in order of time, equal times pushed apart by 1 ms: the table de-duplicates on time. */
export const spread = (entries: ReadonlyArray<LogEntry>): ReadonlyArray<LogEntry> => {
  let last = Number.NEGATIVE_INFINITY
  return entries
    .toSorted((a, b) => a.timestamp - b.timestamp)
    .map((entry) => {
      const timestamp = Math.max(entry.timestamp, last + 1)
      last = timestamp
      return timestamp === entry.timestamp ? entry : { ...entry, timestamp }
    })
}
