/** Small histories of messages, from a universe so small that they collide, and what ingestion made of them. */
import type { Properties } from "@tributary/domain/event/Properties"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import { Schema } from "effect"
import type * as World from "./IngestWorld.ts"
import { A, AL, E, GI, I, MD, message, minutes, type Options, T0, uuidOf, withValue } from "./Message.ts"

const Name = Schema.Literals(["alice", "bob", "x", "y", "anonymous"])

export const Draft = Schema.Struct({
  kind: Schema.Literals(["E", "once", "unset", "A", "I", "I", "AL", "MD", "GI", "bad", "nobody", "poison", "late"]),
  who: Name,
  other: Name,
  key: Schema.Literals(["a", "b"]),
  value: Schema.Literals([0, 1, 2]),
  token: Schema.Literals(["phc_1", "phc_1", "phc_2"])
})
export type Draft = typeof Draft.Type

/** A draft as the nth message of its history. */
export const messageOf = ({ key, kind, other, token, value, who }: Draft, n: number): LogMessage => {
  const options: Options = { token, uuid: uuidOf(n), timestamp: T0 + minutes(n) }
  const set: Properties = { set: { [key]: value } }
  switch (kind) {
    case "E":
      return E(who, set, options)
    case "once":
      return E(who, { once: { [key]: value } }, options)
    case "unset":
      return E(who, { unset: [key] }, options)
    case "A":
      return A(who, set, options)
    case "I":
      return I(who, other, set, options)
    case "AL":
      return AL(who, other, set, options)
    case "MD":
      return MD(who, other, {}, options)
    case "GI":
      return GI(key, other, { [key]: value }, {}, options)
    case "bad":
      return withValue(E(who, {}, options), "{")
    case "nobody":
      return E(who, set, { ...options, token: "phc_nobody" })
    case "poison":
      return message("poison", who, {}, options)
    case "late":
      return E(who, {}, { ...options, envelope: { timestamp: "yesterday-ish" } })
  }
}

/** The person step of the specification, with a bug that shows with events named `poison`. */
export const withPoison: NonNullable<World.Options["stages"]> = (stages) => ({
  ...stages,
  person: (state, event) => {
    if (event.event === "poison") throw new Error("a bug in the fold")
    return stages.person(state, event)
  }
})

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Everything that ingestion keeps of people and groups. */
export const stateOf = ({ tables }: World.World) => ({
  persons: [...tables.persons.values()].map((row) => JSON.stringify(row)).sort(byText),
  mappings: [...tables.mappings.values()].map((row) => JSON.stringify(row)).sort(byText),
  groups: [...tables.groups.values()].map((row) => JSON.stringify(row)).sort(byText)
})

/** The same as far as it does not depend on where batches are cut. */
export const essenceOf = ({ tables }: World.World) => ({
  persons: [...tables.persons.values()]
    .map(({ createdAt, isIdentified, json, team, uuid }) => {
      const properties: Properties = JSON.parse(json)
      return JSON.stringify([team, uuid, createdAt, isIdentified, Object.entries(properties).sort()])
    })
    .sort(byText),
  mappings: [...tables.mappings.values()].map((row) => JSON.stringify(row)).sort(byText),
  groups: [...tables.groups.values()]
    .map(({ createdAt, index, json, key, team }) => JSON.stringify([team, index, key, createdAt, JSON.parse(json)]))
    .sort(byText)
})

/** What is told of events, each once: uuid and what became of it. */
export const fatesOf = (runs: ReadonlyArray<World.Ran>): ReadonlyArray<string> =>
  [
    ...new Set([
      ...runs.flatMap(({ events }) => events.map(({ uuid }) => `${uuid} stored`)),
      ...runs.flatMap(({ letters }) =>
        letters.map(({ reason, record }) => {
          const offset = record.headers.find(([name]) => name === "dlq_offset")?.[1]
          return `${offset} ${reason}`
        })
      )
    ])
  ].sort(byText)

/** Warnings, each once. */
export const warningsOf = (runs: ReadonlyArray<World.Ran>): ReadonlyArray<string> =>
  [
    ...new Set(
      runs.flatMap(({ warnings }) => warnings.map(({ details, type }) => `${type} ${String(details["eventUuid"])}`))
    )
  ].sort(byText)

/** How many messages the counted outcomes speak of. */
export const outcomesOf = (runs: ReadonlyArray<World.Ran>): number =>
  runs.flatMap(({ outcomes }) => outcomes).reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)
