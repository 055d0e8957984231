/** The message on `clickhouse_app_metrics2` (spec worker 6.11, cdp 3.8): a count of what a filter or function did. */
import { toClickHouse } from "../event/Timestamp.ts"

export interface AppMetric {
  readonly team: number
  /** `event_filter`, `hog_function`. */
  readonly appSource: string
  /** The id of the filter or function. */
  readonly appSourceId: string
  readonly instanceId?: string
  /** `other`, `success`, `failure`, `billing`. */
  readonly kind: string
  readonly name: string
  readonly count: number
}

/** The text of the message; `time` in milliseconds. */
export const encode = (metric: AppMetric, time: number): string =>
  JSON.stringify({
    team_id: metric.team,
    timestamp: toClickHouse(time),
    app_source: metric.appSource,
    app_source_id: metric.appSourceId,
    instance_id: metric.instanceId,
    metric_kind: metric.kind,
    metric_name: metric.name,
    count: metric.count
  })
