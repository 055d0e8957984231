/**
 * What an error of `@platformatic/kafka` means, by what lies deepest in it: outer ones say wrong things, such as that a wrong
 * password is worth another try (guides kafka-producer 2).
 */
import { protocolErrorsCodesById } from "@platformatic/kafka"
import * as Predicate from "effect/Predicate"
import { denied, refused, tooLarge } from "../ErrorNames.ts"
import type { NoPartitions, Outcome } from "../LaneClient.ts"

/** An error and all that lies in it, the outermost first. */
function* within(error: unknown): Generator<object> {
  if (!Predicate.isObject(error)) return
  yield error
  if (Predicate.hasProperty(error, "cause")) yield* within(error.cause)
  if (Predicate.hasProperty(error, "errors") && Array.isArray(error.errors)) {
    for (const one of error.errors) yield* within(one)
  }
}

export const fieldOf = (error: object, name: string): unknown => Reflect.get(error, name)

/** The first error of which nothing lies deeper. */
export const deepest = (error: unknown): unknown => {
  let last: unknown = error
  for (const one of within(error)) {
    last = one
    const inner = Predicate.hasProperty(one, "cause") && Predicate.isObject(one.cause)
    const several = Predicate.hasProperty(one, "errors") && Array.isArray(one.errors) && one.errors.length > 0
    if (!inner && !several) return one
  }
  return last
}

export const messageOf = (error: unknown): string => {
  const cause = deepest(error)
  return cause instanceof Error ? cause.message : String(cause)
}

/** Names of the protocol's errors, such as `MESSAGE_TOO_LARGE`, wherever they lie. */
export const protocolErrors = (error: unknown): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const one of within(error)) {
    const id = fieldOf(one, "apiId")
    if (typeof id === "string") found.add(id)
  }
  return found
}

/** Of a batch that is certainly not stored. */
const notStored = new Set([
  "NOT_LEADER_OR_FOLLOWER",
  "LEADER_NOT_AVAILABLE",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "NOT_ENOUGH_REPLICAS",
  "KAFKA_STORAGE_ERROR"
])

const neverConnected = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"])

/** What the client takes for wrong use, and may pass: a topic may be in the making, a broker be killed in a handshake. */
const passing = /^Unknown topic|^Client closed|^TLS handshake failed/

const isDeniedUse = (one: object): boolean => {
  const code = fieldOf(one, "code")
  if (code === "PLT_KFK_AUTHENTICATION" || code === "PLT_KFK_UNSUPPORTED_COMPRESSION") return true
  return code === "PLT_KFK_USER" && one instanceof Error && !passing.test(one.message)
}

/** Whether trying again cannot help before somebody has acted. */
export const isDenied = (error: unknown): boolean => {
  for (const one of within(error)) {
    const id = fieldOf(one, "apiId")
    if ((typeof id === "string" && denied.has(id)) || isDeniedUse(one) || fieldOf(one, "closed") === true) return true
  }
  return false
}

const isUnsent = (error: unknown): boolean => {
  for (const one of within(error)) {
    const [code, id] = [fieldOf(one, "code"), fieldOf(one, "apiId")]
    if (typeof code === "string" && (neverConnected.has(code) || code === "PLT_KFK_USER")) return true
    if (typeof id === "string" && notStored.has(id)) return true
  }
  return false
}

/** What became of a batch that was the only one of its send. */
export const outcomeOf = (error: unknown): Outcome => {
  const ids = protocolErrors(error)
  if ([...ids].some((id) => tooLarge.has(id))) return { _tag: "TooLarge", detail: messageOf(error) }
  if ([...ids].some((id) => refused.has(id))) return { _tag: "Refused", detail: messageOf(error) }
  if (isDenied(error)) return { _tag: "Denied", cause: deepest(error) }
  return { _tag: "Unavailable", cause: deepest(error), unknown: !isUnsent(error) }
}

/** What became of a batch of which the brokers said this. */
const outcomeOfCode = (code: number): Outcome => {
  if (code === 0) return { _tag: "Stored" }
  const id = protocolErrorsCodesById[code] ?? `error ${code}`
  if (tooLarge.has(id)) return { _tag: "TooLarge", detail: id }
  if (refused.has(id)) return { _tag: "Refused", detail: id }
  if (denied.has(id)) return { _tag: "Denied", cause: id }
  return { _tag: "Unavailable", cause: id, unknown: !notStored.has(id) }
}

export const noPartitions = (error: unknown): NoPartitions => ({ denied: isDenied(error), cause: deepest(error) })

/**
 * What is known of single partitions after a send over several has failed: those that other brokers acknowledged, and
 * those of which an answer speaks. By `topic:partition`; of the others nothing is known.
 */
export const outcomesIn = (error: unknown): ReadonlyMap<string, Outcome> => {
  const found = new Map<string, Outcome>()
  for (const one of within(error)) {
    for (const { partition, topic } of listIn(fieldIn(one, "produced"), "offsets")) {
      found.set(`${String(topic)}:${String(partition)}`, { _tag: "Stored" })
    }
    for (const answer of listIn(fieldIn(one, "response"), "responses")) {
      for (const { errorCode, index } of listIn(answer, "partitionResponses")) {
        if (typeof errorCode === "number")
          found.set(`${String(answer["name"])}:${String(index)}`, outcomeOfCode(errorCode))
      }
    }
  }
  return found
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => Predicate.isObject(value)

const fieldIn = (value: object, name: string): Fields | undefined => {
  const field = fieldOf(value, name)
  return isFields(field) ? field : undefined
}

const listIn = (value: Fields | undefined, name: string): ReadonlyArray<Fields> => {
  const list = value?.[name]
  return Array.isArray(list) ? list.filter(isFields) : []
}
