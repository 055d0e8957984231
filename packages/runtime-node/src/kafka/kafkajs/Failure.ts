/** What an error of kafkajs means for a batch that was sent: by its deepest cause, because outer ones say wrong things (guides kafka-producer 2). */
import { denied, refused, tooLarge } from "../ErrorNames.ts"
import type { NoPartitions, Outcome } from "../LaneClient.ts"

export const deepestCause = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  // Of errors that hold several, such as one a topic, the first tells enough.
  const inner: unknown = "errors" in error && Array.isArray(error.errors) ? error.errors[0] : error.cause
  return inner instanceof Error ? deepestCause(inner) : error
}

export const messageOf = (error: unknown): string => {
  const cause = deepestCause(error)
  return cause instanceof Error ? cause.message : String(cause)
}

/** `type`: the protocol's name of the error, such as `MESSAGE_TOO_LARGE`. `code`: the system's, such as `ECONNREFUSED`. */
export const fieldOf = (error: unknown, name: "name" | "type" | "code"): string => {
  const field =
    typeof error === "object" && error !== null ? Object.getOwnPropertyDescriptor(error, name)?.value : undefined
  return typeof field === "string" ? field : ""
}

const deniedNames = new Set(["KafkaJSSASLAuthenticationError", "KafkaJSNotImplemented"])

/** Answers, or their absence, after which a batch may be stored all the same. */
const unknownTypes = new Set(["REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "NETWORK_EXCEPTION", "UNKNOWN"])
/** Before anything was sent. A connection that closes is another thing. */
const unsentNames = new Set([
  "KafkaJSConnectionError",
  "KafkaJSMetadataNotLoaded",
  "KafkaJSTopicMetadataNotLoaded",
  "KafkaJSBrokerNotFound"
])

export const isDenied = (error: unknown): boolean => {
  const cause = deepestCause(error)
  return denied.has(fieldOf(cause, "type")) || deniedNames.has(fieldOf(cause, "name"))
}

export const outcomeOf = (error: unknown): Outcome => {
  const cause = deepestCause(error)
  const type = fieldOf(cause, "type")
  const detail = messageOf(cause)
  if (tooLarge.has(type)) return { _tag: "TooLarge", detail }
  if (refused.has(type)) return { _tag: "Refused", detail }
  if (isDenied(cause)) return { _tag: "Denied", cause }
  const unknown = type === "" ? !unsentNames.has(fieldOf(cause, "name")) : unknownTypes.has(type)
  return { _tag: "Unavailable", cause, unknown }
}

export const noPartitions = (error: unknown): NoPartitions => ({ denied: isDenied(error), cause: deepestCause(error) })
