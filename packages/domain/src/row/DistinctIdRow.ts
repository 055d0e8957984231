/** The message on `clickhouse_person_distinct_id` (spec worker 2.8): whom a distinct id leads to. Keyed by the distinct id. */
import type { Mapping } from "../person/Person.ts"
import type { OutboxMessage } from "../person/Snapshot.ts"
import * as Topics from "./Topics.ts"

const row = (mapping: Mapping, isDeleted: 0 | 1, version: number): string =>
  JSON.stringify({
    distinct_id: mapping.distinctId,
    person_id: mapping.person,
    team_id: mapping.team,
    version,
    is_deleted: isDeleted
  })

export const encode = (mapping: Mapping): string => row(mapping, 0, mapping.version)

/** For a distinct id whose person was deleted; takes the mapping as last stored. */
export const encodeTombstone = (mapping: Mapping): string => row(mapping, 1, mapping.version + 100)

export const message = (mapping: Mapping): OutboxMessage => ({
  topic: Topics.clickhousePersonDistinctId,
  key: mapping.distinctId,
  value: encode(mapping)
})
