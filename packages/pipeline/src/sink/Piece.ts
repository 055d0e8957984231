/** Rows that are inserted together, and the token under which they count once. */
import { createHash } from "node:crypto"
import type { LogRecord } from "../service/LogMessage.ts"

/** A range of one partition: `start` is in it, `end` is not. */
export interface Bounds {
  readonly partition: number
  readonly start: bigint
  readonly end: bigint
}

export interface Piece {
  /** Messages that are rows, in log order per partition; those without a value are left out. */
  readonly rows: ReadonlyArray<LogRecord>
  /** One per partition. */
  readonly bounds: ReadonlyArray<Bounds>
}

/** The piece of these rows, bounded by the first and the last of each partition. */
export const make = (rows: ReadonlyArray<LogRecord>): Piece => {
  const bounds = new Map<number, Bounds>()
  for (const { partition, offset } of rows) {
    bounds.set(partition, { partition, start: bounds.get(partition)?.start ?? offset, end: offset + 1n })
  }
  return { rows, bounds: [...bounds.values()] }
}

/**
 * Two halves of a piece of two rows or more. A piece of one partition keeps its outer bounds, so that the same piece is
 * always cut into the same halves.
 */
export const halve = ({ rows, bounds }: Piece): readonly [Piece, Piece] => {
  const middle = rows.length >> 1
  const front = rows.slice(0, middle)
  const back = rows.slice(middle)
  const [whole, another] = bounds
  const cut = back[0]?.offset
  if (whole === undefined || another !== undefined || cut === undefined) return [make(front), make(back)]
  return [
    { rows: front, bounds: [{ ...whole, end: cut }] },
    { rows: back, bounds: [{ ...whole, start: cut }] }
  ]
}

/**
 * The token of a piece: topic, the topic's id, partition, start and end (guides clickhouse 5). Where no id is known, the
 * time of the partition's first row tells a topic from one of that name which was deleted. Of several partitions a digest.
 */
export const token = (topic: string, topicId: (partition: number) => string | undefined, piece: Piece): string => {
  const parts = piece.bounds.map(({ partition, start, end }) => {
    const id = topicId(partition) ?? piece.rows.find((row) => row.partition === partition)?.timestamp
    return `${topic}-${id}-${partition}-${start}-${end}`
  })
  return parts.length === 1 ? parts.join() : `${topic}-${createHash("sha256").update(parts.join()).digest("hex")}`
}
