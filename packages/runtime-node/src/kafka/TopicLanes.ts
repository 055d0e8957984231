/**
 * The lanes of a topic, and which of them a message takes: murmur2 of its key as in Kafka's own client, or, without a key, one
 * drawn every 10 ms (spec capture 4.3).
 */
import { partitionOf } from "@tributary/pipeline/service/Partitioner"
import * as Lane from "./Lane.ts"

const stickyMs = 10

export interface TopicLanes {
  /** Partitions of the topic as last heard; lanes beyond it empty themselves. */
  partitions: number
  readonly lanes: Array<Lane.Lane>
  /** For messages without a key. */
  sticky: number
  stickyUntil: number
}

export const make = (partitions: number): TopicLanes => ({ partitions, lanes: [], sticky: 0, stickyUntil: 0 })

/** `draw` gives a number from 0 to below 1. */
export const choose = (
  of: TopicLanes,
  topic: string,
  key: Uint8Array | null,
  now: number,
  draw: () => number
): Lane.Lane => {
  if (key === null && (now >= of.stickyUntil || of.sticky >= of.partitions)) {
    of.sticky = Math.floor(draw() * of.partitions)
    of.stickyUntil = now + stickyMs
  }
  const partition = key === null ? of.sticky : partitionOf(key, of.partitions)
  return (of.lanes[partition] ??= Lane.make(topic, partition))
}
