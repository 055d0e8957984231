/** The message on `clickhouse_ingestion_warnings` (spec worker 6.6). It has no key. */
import type { Properties } from "../event/Properties.ts"
import { toClickHouse } from "../event/Timestamp.ts"
import { entryOf } from "../warning/Catalogue.ts"
import type { Warning } from "../warning/Warning.ts"

const reserved: ReadonlySet<string> = new Set(["category", "severity", "pipelineStep"])

/** Details that carry the names of what follows from the type lose them: a client may have written them. */
const ownDetails = (details: Properties): Properties =>
  Object.fromEntries(Object.entries(details).filter(([name]) => !reserved.has(name)))

/** The text of the message; `time` is when the warning was raised, in milliseconds. */
export const encode = (warning: Warning, time: number): string => {
  const { category, severity, pipelineStep } = entryOf(warning.type)
  return JSON.stringify({
    team_id: warning.team,
    type: warning.type,
    source: warning.source ?? "plugin-server",
    details: JSON.stringify({ ...ownDetails(warning.details), category, severity, pipelineStep }),
    timestamp: toClickHouse(time)
  })
}
