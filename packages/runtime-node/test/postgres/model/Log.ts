/** A random log of events about few people, so that every batch collides with others. */
import type { Event } from "@tributary/domain/event/Event"
import type { Properties } from "@tributary/domain/event/Properties"
import type { Settings } from "@tributary/domain/person/Settings"
import { defaults } from "@tributary/domain/person/Settings"
import { project } from "@tributary/pipeline/service/memory/ProjectStoreMemory"

/** Numbers from a seed: the same seed, the same log. */
export interface Chance {
  /** 0 … below. */
  readonly int: (below: number) => number
  readonly happens: (probability: number) => boolean
  readonly pick: <A>(values: ReadonlyArray<A>) => A
}

export const chance = (seed: number): Chance => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number) => Math.floor(next() * below)
  return { int, happens: (probability) => next() < probability, pick: (values) => values[int(values.length)]! }
}

export interface Log {
  readonly topic: string
  readonly team: number
  readonly partitions: ReadonlyArray<ReadonlyArray<Event>>
  readonly settings: Settings
}

export const groupTypes = (_projectId: number, groupType: string): number | undefined =>
  groupType === "company" ? 0 : groupType === "team" ? 1 : undefined

const start = Date.UTC(2026, 0, 1)

/** `team` must be new: it keeps histories apart in one database. */
export const draw = (team: number, random: Chance): Log => {
  const topic = `topic-${team}`
  const settings = { ...defaults, mergeMoveLimit: random.pick([0, 0, 2]), personlessUpgrade: random.happens(0.3) }
  const owner = project({ id: team, apiToken: `phc_${team}`, lastSeenEnabled: random.happens(0.5) })
  const ids = Array.from({ length: 3 + random.int(13) }, (_, i) => `id-${i}`)
  let count = 0

  const event = (partition: number, offset: number): Event => {
    const n = count++
    const key = random.pick(["a", "b", "c"])
    const kinds: ReadonlyArray<readonly [name: string, weight: number, properties: () => Properties]> = [
      ["$pageview", 5, () => ({ $set: { [key]: n } })],
      ["look", 3, () => ({})],
      ["first", 2, () => ({ $set_once: { [key]: n, initial: n } })],
      ["forget", 1, () => ({ $unset: [key] })],
      ["$identify", 3, () => ({ $set: { name: n } })],
      ["$create_alias", 1, () => ({})],
      ["$merge_dangerously", 2, () => ({})],
      [
        "$groupidentify",
        2,
        () => ({
          $group_type: random.pick(["company", "team", "unknown"]),
          $group_key: random.pick(["acme", "initech"]),
          $group_set: { [key]: n }
        })
      ]
    ]
    const [name, , properties] = random.pick(kinds.flatMap((kind) => Array.from({ length: kind[1] }, () => kind)))
    const isMerge = name === "$identify" || name === "$create_alias" || name === "$merge_dangerously"
    return {
      at: { topic, partition, offset: BigInt(offset) },
      project: owner,
      uuid: crypto.randomUUID(),
      event: name,
      distinctId: random.pick(ids),
      properties: properties(),
      timestamp: start + random.int(48) * 3_600_000,
      receivedAt: start,
      personProcessing: !isMerge && random.happens(0.1) ? "off" : "on",
      historicalMigration: false,
      capturedAt: null,
      partner: isMerge ? { distinctId: random.pick(ids), legal: random.happens(0.95) } : undefined
    }
  }
  const partitions = Array.from({ length: 2 + random.int(3) }, (_, partition) =>
    Array.from({ length: 20 + random.int(60) }, (_, offset) => event(partition, offset))
  )
  return { topic, team, partitions, settings }
}
