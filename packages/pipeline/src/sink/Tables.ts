/**
 * Which topic fills which table, and what the sink has to add to a message (spec worker 0.2, 5.10).
 *
 * The topic of mappings fills `person_distinct_id2` only; ClickHouse passes the overrides on by a view of its own.
 */
export interface Target {
  /** Without `KAFKA_PREFIX`. */
  readonly topic: string
  readonly table: string
  /** The table has a column for the message's partition. */
  readonly partitionColumn: boolean
  /**
   * How a row that is inserted twice is told from two rows. `collapses`: it has the same key, and ClickHouse keeps one of
   * them. `adds up`: it counts twice, so the bounds of each insert are stored before it (guides clickhouse 5).
   */
  readonly twice: "collapses" | "adds up"
  /** `row`: the value is the row. `letter`: the row is made of the message's headers, key and value. */
  readonly message: "row" | "letter"
}

const target = (topic: string, table: string, more: Partial<Target> = {}): Target => ({
  topic,
  table,
  partitionColumn: false,
  twice: "collapses",
  message: "row",
  ...more
})

export const targets: ReadonlyArray<Target> = [
  target("clickhouse_events_json", "events"),
  target("clickhouse_person", "person"),
  target("clickhouse_person_distinct_id", "person_distinct_id2", { partitionColumn: true }),
  target("clickhouse_groups", "groups"),
  target("clickhouse_ingestion_warnings", "ingestion_warnings", { partitionColumn: true }),
  target("clickhouse_app_metrics2", "app_metrics2", { twice: "adds up" }),
  target("log_entries", "log_entries"),
  target("clickhouse_heatmap_events", "heatmaps", { partitionColumn: true }),
  target("events_plugin_ingestion_dlq", "dead_letters", { partitionColumn: true, message: "letter" })
]

/** Where what the other tables do not take is kept. */
export const errors = "kafka_errors"
