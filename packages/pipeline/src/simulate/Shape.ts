/** How large a simulated world is, and how its programs are set. */
export interface Shape {
  readonly partitions: number
  readonly workers: number
  readonly sinks: number
  /** Messages of one batch at most. */
  readonly maxMessages: number
  /** Rows of one insert at most. */
  readonly maxRows: number
  /** `PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT` */
  readonly mergeMoveLimit: number
  /** `PERSONLESS_UPGRADE` */
  readonly personlessUpgrade: boolean
  /** A broker gives up on a member that it has not heard of for so many ms. */
  readonly sessionMs: number
  /** Workers start so many ms late: what is in the log by then keeps all of them busy at once. */
  readonly lateMs: number
}
