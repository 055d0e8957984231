/**
 * Which topic fills which table, and what the sink has to add to a message (spec worker 0.2, 5.10).
 *
 * The topic of mappings fills `person_distinct_id2` only; ClickHouse passes the overrides on by a view of its own.
 */
import * as Topics from "@tributary/domain/row/Topics"

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
  target(Topics.clickhouseEvents, "events"),
  target(Topics.clickhousePerson, "person"),
  target(Topics.clickhousePersonDistinctId, "person_distinct_id2", { partitionColumn: true }),
  target(Topics.clickhouseGroups, "groups"),
  target(Topics.clickhouseIngestionWarnings, "ingestion_warnings", { partitionColumn: true }),
  target(Topics.clickhouseAppMetrics, "app_metrics2", { twice: "adds up" }),
  target(Topics.logEntries, "log_entries"),
  target(Topics.clickhouseHeatmaps, "heatmaps", { partitionColumn: true }),
  target(Topics.deadLetters, "dead_letters", { partitionColumn: true, message: "letter" })
]

/** Where what the other tables do not take is kept. */
export const errors = "kafka_errors"
