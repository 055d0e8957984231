/** The message on `clickhouse_groups` (spec worker 4.4). It has no key. */
import { toClickHouseSeconds } from "../event/Timestamp.ts"
import type { GroupWrite, OutboxMessage } from "../person/Snapshot.ts"
import * as Topics from "./Topics.ts"

export const encode = (group: GroupWrite): string =>
  JSON.stringify({
    group_type_index: group.index,
    group_key: group.key,
    team_id: group.team,
    group_properties: group.json,
    created_at: toClickHouseSeconds(group.createdAt),
    version: group.version
  })

export const message = (group: GroupWrite): OutboxMessage => ({
  topic: Topics.clickhouseGroups,
  key: null,
  value: encode(group)
})
