/**
 * Which partition a key belongs to, as Kafka's Java client decides it (spec capture 4.3): murmur2 of the key's bytes, sign
 * bit cleared, modulo the number of partitions. All producers must agree, or one person's events lie in two partitions.
 */

const seed = 0x9747b28c
const factor = 0x5bd1e995

/** Kafka's murmur2, a signed 32-bit integer. */
export const murmur2 = (bytes: Uint8Array): number => {
  const length = bytes.length
  const words = length & ~3
  let hash = seed ^ length
  for (let i = 0; i < words; i += 4) {
    let word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    word = Math.imul(word, factor)
    word ^= word >>> 24
    hash = Math.imul(hash, factor) ^ Math.imul(word, factor)
  }
  const rest = length & 3
  if (rest === 3) hash ^= bytes[words + 2]! << 16
  if (rest >= 2) hash ^= bytes[words + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[words]!, factor)
  hash = Math.imul(hash ^ (hash >>> 13), factor)
  return hash ^ (hash >>> 15)
}

/** An index below `partitions`, which is at least 1. An empty key is a key. */
export const partitionOf = (key: Uint8Array, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions
