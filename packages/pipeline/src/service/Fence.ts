/**
 * What a progress row and the log say of each other at assignment, and where the row has to be (guides postgres 1, the
 * fence; spec worker 2.7).
 */
import type { Assignment } from "./EventLog.ts"
import type { Finding, Mark } from "./Progress.ts"

export interface Verdict {
  readonly finding: Finding
  readonly nextOffset: bigint
  readonly topicId: string | undefined
}

/**
 * `end` was read after the row. Another topic id, or a log that ends below the row and has no id to compare: the topic
 * was made anew, and the row begins at 0. The same id and a log that ends below: the log was cut, to there. A row without
 * an id takes the one that was found. A missing row begins where the group has committed, if the log still reaches there.
 */
export const compare = (
  row: Pick<Mark, "topicId" | "nextOffset"> | undefined,
  { committed, topicId: found }: Pick<Assignment, "topicId" | "committed">,
  end: bigint
): Verdict => {
  const topicId = found ?? row?.topicId
  if (row === undefined) {
    return { finding: "new", nextOffset: committed !== undefined && committed <= end ? committed : 0n, topicId }
  }
  const comparable = row.topicId !== undefined && found !== undefined
  if (comparable && row.topicId !== found) return { finding: "topic made anew", nextOffset: 0n, topicId }
  if (end >= row.nextOffset) return { finding: "unchanged", nextOffset: row.nextOffset, topicId }
  return comparable
    ? { finding: "log was cut", nextOffset: end, topicId }
    : { finding: "topic made anew", nextOffset: 0n, topicId }
}
