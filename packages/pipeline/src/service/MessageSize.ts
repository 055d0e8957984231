/** How large a message of the log is, and how large it may be (spec worker 6.8). */
import * as Topics from "@tributary/domain/row/Topics"
import type { LogMessage } from "./LogMessage.ts"

const sizeOf = (part: string | Uint8Array | null): number =>
  part === null ? 0 : typeof part === "string" ? Buffer.byteLength(part) : part.length

/** Bytes of key, value and headers together. */
export const of = (message: LogMessage): number => {
  let size = sizeOf(message.key) + sizeOf(message.value)
  for (const [name, value] of message.headers) size += sizeOf(name) + sizeOf(value)
  return size
}

/** Bytes that one message of a topic may have: 8 MB, and 9 MB for dead letters, whose headers come on top. */
export const limit = (topic: string): number => (topic.endsWith(Topics.deadLetters) ? 9 : 8) * 1024 * 1024

/** Why a message is too large, in words for whoever sent it; undefined if it is not. */
export const excess = (topic: string, size: number): string | undefined =>
  size <= limit(topic) ? undefined : `the message has ${size} bytes, ${topic} takes ${limit(topic)}`
