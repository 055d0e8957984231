/**
 * Since when a partition waits, as far as its assignment tells: the time of the last message that was committed, or, before
 * the first commit, of the first message that was fetched.
 */
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"

export interface CommitTime {
  /** Milliseconds since the epoch; undefined while nothing was fetched. */
  readonly since: () => number | undefined
  /** The first call counts. */
  readonly fetched: (timestamp: number) => void
  /** The last record of some that were handed out together. A commit between two such counts as one of the earlier. */
  readonly handedOut: (last: Pick<LogRecord, "offset" | "timestamp">) => void
  /** Everything below `offset` is committed. */
  readonly committed: (offset: bigint) => void
}

export const make = (): CommitTime => {
  let since: number | undefined
  let inHand: Array<Pick<LogRecord, "offset" | "timestamp">> = []
  return {
    since: () => since,
    fetched: (timestamp) => {
      since ??= timestamp
    },
    handedOut: (last) => void inHand.push({ offset: last.offset, timestamp: last.timestamp }),
    committed: (offset) => {
      for (const last of inHand) if (last.offset < offset) since = last.timestamp
      inHand = inHand.filter((last) => last.offset >= offset)
    }
  }
}
