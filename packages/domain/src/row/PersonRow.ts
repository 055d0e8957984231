/** The message on `clickhouse_person` (spec worker 2.8). Keyed by the uuid, as a courtesy: only `version` orders them. */
import { toClickHouseSeconds } from "../event/Timestamp.ts"
import type { Person } from "../person/Person.ts"
import type { OutboxMessage, PersonWrite } from "../person/Snapshot.ts"
import * as Topics from "./Topics.ts"

const row = (person: Person, json: string, isDeleted: 0 | 1, version: number): string =>
  JSON.stringify({
    id: person.uuid,
    created_at: toClickHouseSeconds(person.createdAt),
    properties: json,
    team_id: person.team,
    is_identified: person.isIdentified ? 1 : 0,
    is_deleted: isDeleted,
    version,
    last_seen_at: person.lastSeenAt === null ? null : toClickHouseSeconds(person.lastSeenAt)
  })

/** The text for a person as stored. `json` is the text of its properties. */
export const encode = (person: PersonWrite): string => row(person, person.json, 0, person.version)

/** How far a tombstone's version is above the last row's, so that no late message of the living outranks it. */
export const tombstoneLead = 100

/** The text for a person that is gone; takes it as last stored. */
export const encodeTombstone = (person: Person): string =>
  row(person, JSON.stringify(person.properties), 1, person.version + tombstoneLead)

export const message = (person: PersonWrite): OutboxMessage => ({
  topic: Topics.clickhousePerson,
  key: person.uuid,
  value: encode(person)
})

export const tombstone = (person: Person): OutboxMessage => ({
  topic: Topics.clickhousePerson,
  key: person.uuid,
  value: encodeTombstone(person)
})
