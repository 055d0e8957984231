/** The message on `clickhouse_heatmap_events` (spec worker 1.16): one point. Keyed by the event's uuid. */
import { type HeatmapPoint, scaleFactor } from "../event/Heatmap.ts"
import { toClickHouse } from "../event/Timestamp.ts"
import type { Subject } from "../warning/Warning.ts"

/** The text of the message; `time` is the event's, in milliseconds. */
export const encode = (point: HeatmapPoint, subject: Subject, time: number): string =>
  JSON.stringify({
    type: point.type,
    x: point.x,
    y: point.y,
    pointer_target_fixed: point.targetFixed,
    viewport_height: point.viewportHeight,
    viewport_width: point.viewportWidth,
    current_url: point.url,
    session_id: point.sessionId,
    scale_factor: scaleFactor,
    timestamp: toClickHouse(time),
    team_id: subject.team,
    distinct_id: subject.distinctId
  })
