/** A log, one consumer group, the store in memory and ClickHouse: enough to see what the fold does to the world. */
import type { Event, ProcessedEvent } from "@tributary/domain/event/Event"
import type { DeadLetter, Outcome } from "@tributary/domain/event/Outcome"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as GroupEvent from "@tributary/domain/group/GroupEvent"
import * as Fold from "@tributary/domain/person/Fold"
import type { Mapping, Person } from "@tributary/domain/person/Person"
import { defaults, type Settings } from "@tributary/domain/person/Settings"
import type { OutboxMessage, Snapshot } from "@tributary/domain/person/Snapshot"
import * as Topics from "@tributary/domain/row/Topics"
import type { Warning } from "@tributary/domain/warning/Warning"
import * as Tables from "@tributary/pipeline/service/memory/PersonTables"
import * as Transaction from "@tributary/pipeline/service/memory/PersonTransaction"
import { type ClickHouse, insert, makeClickHouse } from "./ClickHouse.ts"
import type { Draft } from "./Events.ts"

/** What became of one batch. */
export interface Ran {
  readonly outcomes: ReadonlyArray<Outcome<ProcessedEvent>>
  /** The events that are stored, in order. */
  readonly stored: ReadonlyArray<ProcessedEvent>
  readonly letters: ReadonlyArray<DeadLetter>
  readonly warnings: ReadonlyArray<Warning>
  readonly messages: ReadonlyArray<OutboxMessage>
}

export interface Options {
  readonly settings?: Partial<Settings>
  /** So many times each batch is folded and thrown away before. */
  readonly conflicts?: number
}

export interface DeliverOptions {
  readonly withoutMerge?: ReadonlyMap<string, string>
  readonly tables?: Tables.PersonTables
}

const group = "events-ingestion-consumer"
const topic = "events_plugin_ingestion"

const sorted = (object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))

/** Properties without `$creator_event_uuid`. */
export const withoutCreator = (json: string): Readonly<Record<string, unknown>> => {
  const { $creator_event_uuid: _, ...rest } = JSON.parse(json)
  return sorted(rest)
}

export class World {
  readonly tables = Tables.makeTables()
  readonly clickhouse: ClickHouse = makeClickHouse()
  readonly settings: Settings
  readonly conflicts: number
  readonly log: Array<Event> = []
  readonly #types = new Map<number, Array<string>>()
  readonly #ends = new Map<number, bigint>()
  readonly #names = new Map<string, string>()

  constructor(options: Options = {}) {
    this.settings = { ...defaults, ...options.settings }
    this.conflicts = options.conflicts ?? 0
  }

  readonly groupTypes = (projectId: number, type: string): number | undefined => {
    const index = this.#types.get(projectId)?.indexOf(type) ?? -1
    return index < 0 ? undefined : index
  }

  /** Registers the types that the events name, five at most. */
  register(events: ReadonlyArray<Event>): void {
    for (const event of events) {
      const { projectId } = event.project
      const known = this.#types.get(projectId) ?? []
      this.#types.set(projectId, known)
      for (const type of GroupEvent.typesOf(event)) if (known.length < 5 && !known.includes(type)) known.push(type)
    }
  }

  /** Puts an event into the log. An event that was there before (`uuid`) is a message of its own. */
  append(draft: Draft & { readonly uuid?: string }, partition = 0): Event {
    const offset = this.#ends.get(partition) ?? 0n
    this.#ends.set(partition, offset + 1n)
    const uuid = draft.uuid ?? Uuid.v5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", `${partition}:${offset}`)
    const event: Event = { ...draft, uuid, at: { topic, partition, offset } }
    this.log.push(event)
    return event
  }

  /** The input of a transaction for these events. */
  batchOf(events: ReadonlyArray<Event>, options: DeliverOptions = {}) {
    const { groupTypes, settings } = this
    const work = Fold.work({ group, progress: events.map(({ at }) => at), events, groupTypes, settings })
    const { withoutMerge } = options
    const fold = Fold.fold({ events, groupTypes, settings, ...(withoutMerge === undefined ? {} : { withoutMerge }) })
    return { work, fold }
  }

  /** The log hands these messages, in one batch, to a consumer that commits and publishes. */
  deliver(events: ReadonlyArray<Event>, options: DeliverOptions = {}): Ran {
    for (const { distinctId, partner, project } of events) {
      for (const name of partner === undefined ? [distinctId] : [distinctId, partner.distinctId]) {
        this.#names.set(Uuid.personUuid(project.id, name), name)
      }
    }
    this.register(events)
    const { fold, work } = this.batchOf(events, options)
    if (!Fold.needsTransaction(events, this.settings)) return this.#ran(fold(Fold.emptySnapshot).result, [])
    const tables = options.tables ?? this.tables
    for (let i = 0; i < this.conflicts; i++) fold(Transaction.read(tables, work))
    const { outbox, result } = Transaction.transact(tables, work, fold)
    return this.#ran(result, outbox)
  }

  #ran({ outcomes, warnings }: Fold.FoldedBatch, messages: ReadonlyArray<OutboxMessage>): Ran {
    insert(this.clickhouse, messages)
    const stored = outcomes.flatMap((outcome) => (outcome._tag === "Continue" ? [outcome.value] : []))
    const letters = outcomes.flatMap((outcome) => (outcome._tag === "DeadLetter" ? [outcome] : []))
    return { outcomes, stored, letters, warnings, messages }
  }

  /** Appends the events, and processes them as one batch. */
  batch(...drafts: ReadonlyArray<Draft>): Ran {
    return this.deliver(drafts.map((draft) => this.append(draft)))
  }

  /** Each event a batch of its own; what became of all of them. */
  each(...drafts: ReadonlyArray<Draft>): Ran {
    return join(drafts.map((draft) => this.batch(draft)))
  }

  /** Runs a transaction of another program on the same tables, such as a deletion. */
  deletePerson(distinctId: string, team = 1): boolean {
    const mapping = this.mapping(distinctId, team)
    if (mapping === undefined) return false
    const last = this.tables.lastOutboxId
    Tables.deletePerson(this.tables, team, mapping.person)
    insert(
      this.clickhouse,
      [...this.tables.outbox.values()].filter(({ id }) => id > last)
    )
    return true
  }

  snapshot(events: ReadonlyArray<Event>): Snapshot {
    return Transaction.read(this.tables, this.batchOf(events).work)
  }

  mapping(distinctId: string, team = 1): Mapping | undefined {
    return this.tables.mappings.get(`${team}:${distinctId}`)
  }

  /** The person that a distinct id leads to. */
  person(distinctId: string, team = 1): Person | undefined {
    const mapping = this.mapping(distinctId, team)
    const row = mapping === undefined ? undefined : this.tables.persons.get(`${team}:${mapping.person}`)
    return row === undefined ? undefined : Tables.personOf(row)
  }

  /** The person's properties without `$creator_event_uuid`. */
  properties(distinctId: string, team = 1): Readonly<Record<string, unknown>> | undefined {
    const person = this.person(distinctId, team)
    return person === undefined ? undefined : withoutCreator(JSON.stringify(person.properties))
  }

  /** The distinct id that gives the uuid. */
  nameOf(uuid: string): string {
    return this.#names.get(uuid) ?? uuid
  }

  /** Everybody of a team, as `P(alice) v0 id'd {"n":1} alice@0 anon-1@1`. */
  people(team = 1): ReadonlyArray<string> {
    return [...this.tables.persons.values()]
      .filter((row) => row.team === team)
      .map((row) => {
        const ids = Tables.mappingsOf(this.tables, team, row.uuid)
          .map(({ distinctId, version }) => `${distinctId}@${version}`)
          .sort()
        const identified = row.isIdentified ? " id'd" : ""
        const properties = JSON.stringify(withoutCreator(row.json))
        return `P(${this.nameOf(row.uuid)}) v${row.version}${identified} ${properties} ${ids.join(" ")}`
      })
      .sort()
  }

  /** Messages, as `PM alice v1`, `PM anon-1 v100 deleted`, `DM anon-1→alice v1`, `GM 0 acme v1`. */
  told(messages: ReadonlyArray<OutboxMessage>): ReadonlyArray<string> {
    return messages.map(({ topic, value }) => {
      const row = JSON.parse(value)
      const deleted = row.is_deleted === 1 ? " deleted" : ""
      if (topic === Topics.clickhousePerson) return `PM ${this.nameOf(row.id)} v${row.version}${deleted}`
      if (topic === Topics.clickhousePersonDistinctId) {
        return `DM ${row.distinct_id}→${this.nameOf(row.person_id)} v${row.version}${deleted}`
      }
      return `GM ${row.group_type_index} ${row.group_key} v${row.version}`
    })
  }

  /** Overrides in ClickHouse, as `anon-1→alice`. */
  overrides(): ReadonlyArray<string> {
    return [...this.clickhouse.overrides.values()]
      .map((row) => `${row.distinct_id}→${this.nameOf(row.person_id)}`)
      .sort()
  }
}

export const join = (runs: ReadonlyArray<Ran>): Ran => ({
  outcomes: runs.flatMap((ran) => ran.outcomes),
  stored: runs.flatMap((ran) => ran.stored),
  letters: runs.flatMap((ran) => ran.letters),
  warnings: runs.flatMap((ran) => ran.warnings),
  messages: runs.flatMap((ran) => ran.messages)
})

/** `person_properties` as the event's row shows them, without `$creator_event_uuid`. */
export const shown = ({ person, properties }: ProcessedEvent): Readonly<Record<string, unknown>> => {
  const set = properties["$set"]
  return withoutCreator(JSON.stringify({ ...person.properties, ...(person.mode === "full" ? (set ?? {}) : {}) }))
}
