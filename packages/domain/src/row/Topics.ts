/** The topics that Tributary reads and writes (spec worker 0.2). `KAFKA_PREFIX` goes before each. */

export const events = "events_plugin_ingestion"
export const eventsHistorical = "events_plugin_ingestion_historical"
export const eventsOverflow = "events_plugin_ingestion_overflow"
export const deadLetters = "events_plugin_ingestion_dlq"

export const clickhouseEvents = "clickhouse_events_json"
export const clickhousePerson = "clickhouse_person"
/** Feeds the table `person_distinct_id2`, but is not called so. */
export const clickhousePersonDistinctId = "clickhouse_person_distinct_id"
export const clickhouseGroups = "clickhouse_groups"
export const clickhouseIngestionWarnings = "clickhouse_ingestion_warnings"
export const clickhouseAppMetrics = "clickhouse_app_metrics2"
export const clickhouseHeatmaps = "clickhouse_heatmap_events"
export const logEntries = "log_entries"

/** A topic's name with the prefix before it. */
export const withPrefix =
  (prefix: string) =>
  (topic: string): string =>
    `${prefix}${topic}`
