/**
 * The reference model of spec worker 9.1: one event at a time, each its own batch, literally by the text of sections 2 to 4. It
 * shares nothing with the fold but the deterministic uuid and the test of illegal ids.
 */
import * as DistinctId from "@tributary/domain/event/DistinctId"
import type { Event } from "@tributary/domain/event/Event"
import * as Uuid from "@tributary/domain/event/Uuid"

type Value = unknown

interface Cell {
  readonly uuid: string
  properties: Map<string, Value>
  createdAt: number
  identified: boolean
  version: number
  lastSeenAt: number
}

interface ModelGroup {
  properties: Map<string, Value>
  version: number
}

const filteredKey = "$browser"
const hour = (ms: number) => Math.floor(ms / 3_600_000) * 3_600_000

const objectOf = (event: Event, name: string): ReadonlyMap<string, Value> => {
  const value = event.properties[name]
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : new Map()
}
const namesOf = (event: Event): ReadonlyArray<string> => {
  const value = event.properties["$unset"]
  return Array.isArray(value) ? value.map(String) : []
}

const text = (properties: ReadonlyMap<string, Value>): string =>
  JSON.stringify(
    Object.fromEntries(
      [...properties].filter(([key]) => key !== "$creator_event_uuid").sort(([a], [b]) => (a < b ? -1 : 1))
    )
  )

export class Model {
  readonly cells = new Map<string, Cell>()
  readonly versions = new Map<string, number>()
  readonly floors = new Map<string, number>()
  readonly groups = new Map<string, ModelGroup>()
  readonly warnings: Array<string> = []
  readonly #types = new Map<number, Array<string>>()
  readonly #names = new Map<string, string>()

  process(event: Event): void {
    if (event.personProcessing !== "on") return
    const team = event.project.id
    const t = `${team}:${event.distinctId}`
    this.#names.set(Uuid.personUuid(team, event.distinctId), event.distinctId)
    this.#group(event)
    const T = this.cells.get(t)
    const source = this.#partner(event)
    if (source === undefined) {
      if (T === undefined) this.#create(event, false)
      else this.#update(event, T, T.properties, false)
      return
    }
    const s = `${team}:${source}`
    const S = this.cells.get(s)
    if (S === undefined && T === undefined) {
      this.#map(s, this.#create(event, true), this.#floor(s) + 1)
    } else if (S !== undefined && T === undefined) {
      this.#map(t, S, this.#floor(t) + 1)
      this.#update(event, S, S.properties, true)
    } else if (S === undefined && T !== undefined) {
      this.#map(s, T, this.#floor(s) + 1)
      this.#update(event, T, T.properties, true)
    } else if (S !== undefined && T !== undefined) {
      const isRefused = S !== T && S.identified && event.event !== "$merge_dangerously"
      if (isRefused) this.warnings.push("cannot_merge_already_identified")
      if (S === T || isRefused) this.#update(event, T, T.properties, true)
      else this.#merge(event, S, T)
    }
  }

  /** 3.5 */
  #merge(event: Event, S: Cell, T: Cell): void {
    const before = { ...T }
    T.createdAt = Math.min(S.createdAt, T.createdAt)
    T.version = Math.max(S.version, T.version)
    for (const [name, owner] of this.cells) if (owner === S) this.#map(name, T, this.versions.get(name)! + 1)
    this.#update(event, T, new Map([...S.properties, ...T.properties]), true, before)
  }

  /** Another program deletes the person of a distinct id. */
  delete(team: number, distinctId: string): void {
    const cell = this.cells.get(`${team}:${distinctId}`)
    if (cell === undefined) return
    for (const [name, owner] of [...this.cells]) {
      if (owner !== cell) continue
      const floor = Math.max(cell.version, this.versions.get(name)!) + 101
      this.floors.set(name, Math.max(floor, this.#floor(name)))
      this.cells.delete(name)
      this.versions.delete(name)
    }
  }

  #floor(name: string): number {
    return this.floors.get(name) ?? 0
  }

  #map(name: string, cell: Cell, version: number): void {
    this.cells.set(name, cell)
    this.versions.set(name, version)
  }

  /** 3.1, 3.2: the source of a merge that may be tried. */
  #partner(event: Event): string | undefined {
    if (event.partner === undefined || event.partner.distinctId === event.distinctId) return undefined
    if (!DistinctId.isLegalForMerge(event.distinctId) || !event.partner.legal) {
      this.warnings.push("cannot_merge_with_illegal_distinct_id")
      return undefined
    }
    return event.partner.distinctId
  }

  /** 2.3 */
  #create(event: Event, identified: boolean): Cell {
    const name = `${event.project.id}:${event.distinctId}`
    const quiet = event.event === "$exception" || event.event === "$groupidentify"
    const cell: Cell = {
      uuid: Uuid.personUuid(event.project.id, event.distinctId),
      properties: new Map<string, Value>(quiet ? [] : [...objectOf(event, "$set_once"), ...objectOf(event, "$set")]),
      createdAt: event.timestamp,
      identified,
      version: this.#floor(name),
      lastSeenAt: hour(event.timestamp)
    }
    cell.properties.set("$creator_event_uuid", event.uuid)
    this.#map(name, cell, this.#floor(name))
    return cell
  }

  /** 2.5, 2.6: the event's changes are applied to `base`; `before` is the row as it was. A merge is always written. */
  #update(event: Event, cell: Cell, base: ReadonlyMap<string, Value>, identified: boolean, before = { ...cell }): void {
    const after = new Map(base)
    if (event.event !== "$exception" && event.event !== "$groupidentify") {
      for (const [key, value] of objectOf(event, "$set_once")) {
        if (!after.has(key) || (after.get(key) === null && value !== null)) after.set(key, value)
      }
      for (const [key, value] of objectOf(event, "$set")) after.set(key, value)
      for (const key of namesOf(event)) after.delete(key)
    }
    if (identified) cell.identified = true
    const seen = hour(event.timestamp)
    if (event.project.lastSeenEnabled && seen > cell.lastSeenAt) cell.lastSeenAt = seen
    const changed = [...after].filter(
      ([key, value]) => !before.properties.has(key) || before.properties.get(key) !== value
    )
    const gone = [...before.properties.keys()].filter((key) => !after.has(key))
    const forcing = ["$set", "$identify", "$create_alias", "$merge_dangerously"].includes(event.event)
    const isWritten =
      base !== cell.properties ||
      cell.identified !== before.identified ||
      cell.createdAt !== before.createdAt ||
      cell.lastSeenAt !== before.lastSeenAt ||
      (forcing && changed.length > 0) ||
      gone.length > 0 ||
      changed.some(([key]) => !before.properties.has(key) || key !== filteredKey)
    if (!isWritten) return
    cell.properties = after
    cell.version += 1
  }

  /** 4.2, 4.4 */
  #group(event: Event): void {
    if (event.event !== "$groupidentify") return
    const type = String(event.properties["$group_type"])
    const types = this.#types.get(event.project.projectId) ?? []
    this.#types.set(event.project.projectId, types)
    if (!types.includes(type)) types.push(type)
    const key = `${event.project.id}:${types.indexOf(type)}:${event.properties["$group_key"]}`
    const group = this.groups.get(key)
    const set = objectOf(event, "$group_set")
    if (group === undefined) this.groups.set(key, { properties: new Map(set), version: 1 })
    else if ([...set].some(([name, value]) => !group.properties.has(name) || group.properties.get(name) !== value)) {
      for (const [name, value] of set) group.properties.set(name, value)
      group.version += 1
    }
  }

  /** As `World.people`; with `loose`, without row versions and filtered properties. */
  people(team: number, { loose = false } = {}): ReadonlyArray<string> {
    const lines: Array<string> = []
    for (const cell of new Set(this.cells.values())) {
      const names = [...this.cells].filter(([name, owner]) => owner === cell && name.startsWith(`${team}:`))
      if (names.length === 0) continue
      const ids = names.map(([name]) => `${name.slice(name.indexOf(":") + 1)}@${this.versions.get(name)}`).sort()
      const properties = new Map([...cell.properties].filter(([key]) => !loose || key !== filteredKey))
      const identified = cell.identified ? " id'd" : ""
      const version = loose ? "" : ` v${cell.version}`
      lines.push(`P(${this.#names.get(cell.uuid)})${version}${identified} ${text(properties)} ${ids.join(" ")}`)
    }
    return lines.sort()
  }

  createdAt(): ReadonlyMap<string, number | undefined> {
    return new Map([...this.cells].map(([name, { createdAt }]) => [name, createdAt]))
  }
}
