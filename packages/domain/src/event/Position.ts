/** Where a message lies in the log. Order holds within one partition only. */
export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** A text that is equal for equal positions, for use as a key of maps. */
export const key = (at: Position): string => `${at.topic}:${at.partition}:${at.offset}`
