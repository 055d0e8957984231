/**
 * What clients and others do in a run, drawn from the seed: few events about few people of two projects, so that they collide, and among
 * them what must not get through.
 */
import type { Properties } from "@tributary/domain/event/Properties"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as Uuid from "@tributary/domain/event/Uuid"
import type { Project } from "@tributary/domain/project/Project"
import * as ProjectStoreMemory from "../service/memory/ProjectStoreMemory.ts"
import type { Chance } from "./machine/Chance.ts"

/** Virtual time at which every run begins: milliseconds since the epoch. */
export const start = Date.UTC(2026, 0, 1)

/**
 * The first three of the first project lie in three partitions of three, the first two in two of two. The last one is illegal as a
 * partner of merges (spec worker 3.2).
 */
const names = ["alice", "y", "z", "bob", "x", "anonymous"] as const
const tokens = ["phc_1", "phc_1", "phc_1", "phc_2"] as const

const kinds = {
  set: 5,
  "set once": 2,
  unset: 1,
  look: 1,
  personless: 1,
  identify: 6,
  alias: 2,
  "merge dangerously": 4,
  group: 4,
  /** The fold throws: a bug that one event meets. */
  poison: 1,
  /** Its token is nobody's. */
  nobody: 1,
  /** The project's own filter drops it, and counts it. */
  filtered: 2,
  /** Bytes that are no message, from another producer. */
  garbage: 1,
  /** Somebody deletes the person of a distinct id. */
  delete: 2
} as const

export type Kind = keyof typeof kinds

export interface Action {
  /** Its number in the run, from 0: what it keeps when others are left out. */
  readonly n: number
  readonly kind: Kind
  /** Milliseconds from the start. */
  readonly at: number
  /** Events of one number go in one request, if they are of one project. */
  readonly request: number
  readonly token: string
  readonly who: string
  readonly other: string
  readonly key: string
  readonly value: number
  /** Of the event that it sends. */
  readonly uuid: string
}

const namespace = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

const isKind = (name: string): name is Kind => Object.hasOwn(kinds, name)

/** Each kind as often as its weight. */
const weighted = (weights: Partial<Readonly<Record<Kind, number>>>): ReadonlyArray<Kind> =>
  Object.keys(weights).flatMap((kind) => (isKind(kind) ? Array.from({ length: weights[kind] ?? 0 }, () => kind) : []))

/** What a run's clients do mostly. */
export interface Mix {
  /** Instead of the weights of all kinds. */
  readonly kinds?: Partial<Readonly<Record<Kind, number>>>
  /** So many distinct ids. */
  readonly names?: number
  readonly tokens?: ReadonlyArray<string>
}

export const draw = (count: number, mix: Mix, chance: Chance): ReadonlyArray<Action> => {
  const all = weighted(mix.kinds ?? kinds)
  let at = 0
  let request = 0
  const few = names.slice(0, mix.names ?? 2 + chance.int(names.length - 1))
  const another = (who: string): string => (chance.happens(0.1) ? who : chance.pick(few.filter((name) => name !== who)))
  /** All at once in most runs, so that workers meet. */
  const longest = chance.pick([60, 60, 20_000])
  return Array.from({ length: count }, (_, n) => {
    if (chance.happens(0.4)) {
      at += chance.int(chance.happens(0.7) ? 60 : longest)
      request += 1
    }
    const kind = chance.pick(all)
    const token = chance.pick(mix.tokens ?? tokens)
    const who = chance.pick(few)
    const [other, key, value] = [another(who), chance.pick(["a", "b"]), chance.int(3)]
    return { n, kind, at, request, token, who, other, key, value, uuid: Uuid.v5(namespace, `simulated:${n}`) }
  })
}

/** The projects: two that share nothing, of which one filters. */
export const projects = (chance: Chance): ReadonlyArray<Project> => {
  const lastSeenEnabled = chance.happens(0.5)
  const noise = { type: "condition", field: "event_name", operator: "exact", value: "noise" } as const
  const shared = { ingestedEvent: true, lastSeenEnabled, eventFilter: { id: "filter", mode: "live", tree: noise } }
  return [
    ProjectStoreMemory.project({ ...shared, id: 1, apiToken: "phc_1" }),
    ProjectStoreMemory.project({ ...shared, id: 2, apiToken: "phc_2" })
  ]
}

export const teamOf = (token: string): number | undefined => (token === "phc_1" ? 1 : token === "phc_2" ? 2 : undefined)

export const tokenOf = ({ kind, token }: Action): string => (kind === "nobody" ? "phc_nobody" : token)

/** The event's name and properties; undefined for what is no event of a client. */
const eventOf = ({ key, kind, other, value }: Action): readonly [string, Properties] | undefined => {
  const $set = { [key]: value }
  switch (kind) {
    case "set":
    case "nobody":
      return ["custom", { $set }]
    case "set once":
      return ["custom", { $set_once: $set }]
    case "unset":
      return ["custom", { $unset: [key] }]
    case "look":
      return ["custom", {}]
    case "personless":
      return ["custom", { $set, $process_person_profile: false }]
    case "identify":
      return ["$identify", { $anon_distinct_id: other, $set }]
    case "alias":
      return ["$create_alias", { alias: other, $set }]
    case "merge dangerously":
      return ["$merge_dangerously", { alias: other }]
    case "group":
      return ["$groupidentify", { $group_type: value === 0 ? "team" : "company", $group_key: other, $group_set: $set }]
    case "poison":
      return ["poison", { $set }]
    case "filtered":
      return ["noise", { $set }]
    case "garbage":
    case "delete":
      return undefined
  }
}

/** Whether the event may change people or groups when it gets through. */
export const isPersonful = ({ kind }: Action): boolean =>
  !["personless", "nobody", "filtered", "garbage", "delete"].includes(kind)

/** The event as an SDK sends it. */
export const sent = (action: Action): Properties | undefined => {
  const event = eventOf(action)
  if (event === undefined) return undefined
  const timestamp = Timestamp.toIso(start + action.n * 60_000)
  return { event: event[0], properties: event[1], distinct_id: action.who, uuid: action.uuid, timestamp }
}

export const describe = ({ at, key, kind, n, other, request, token, value, who }: Action): string =>
  `event ${n}: ${kind} ${who}${/identify|alias|merge|group/.test(kind) ? ` with ${other}` : ""} ${key}=${value} (${token}, request ${request}, ${at} ms)`
