-- Tables and views, for every way of running (spec worker 5). Schema.ts splits and runs this file: a statement ends with a
-- semicolon at the end of a line and has none inside; the database is written `tributary` and replaced; all can be repeated.

CREATE DATABASE IF NOT EXISTS tributary;

-- Events are kept for ever unless EVENTS_TTL_DAYS says otherwise (Schema.ts alters the table then).
CREATE TABLE IF NOT EXISTS tributary.events (
  uuid UUID,
  event String,
  properties String CODEC(ZSTD(3)),
  timestamp DateTime64(6, 'UTC'),
  team_id Int64,
  distinct_id String,
  elements_chain String,
  created_at DateTime64(6, 'UTC'),
  person_id UUID,
  person_created_at DateTime64(3, 'UTC'),
  person_properties String CODEC(ZSTD(3)),
  group0_properties String CODEC(ZSTD(3)),
  group1_properties String CODEC(ZSTD(3)),
  group2_properties String CODEC(ZSTD(3)),
  group3_properties String CODEC(ZSTD(3)),
  group4_properties String CODEC(ZSTD(3)),
  group0_created_at DateTime64(3, 'UTC'),
  group1_created_at DateTime64(3, 'UTC'),
  group2_created_at DateTime64(3, 'UTC'),
  group3_created_at DateTime64(3, 'UTC'),
  group4_created_at DateTime64(3, 'UTC'),
  person_mode Enum8('full' = 0, 'propertyless' = 1, 'force_upgrade' = 2),
  historical_migration Bool,
  `$group_0` String MATERIALIZED replaceRegexpAll(JSONExtractRaw(properties, '$group_0'), '^"|"$', ''),
  `$group_1` String MATERIALIZED replaceRegexpAll(JSONExtractRaw(properties, '$group_1'), '^"|"$', ''),
  `$group_2` String MATERIALIZED replaceRegexpAll(JSONExtractRaw(properties, '$group_2'), '^"|"$', ''),
  `$group_3` String MATERIALIZED replaceRegexpAll(JSONExtractRaw(properties, '$group_3'), '^"|"$', ''),
  `$group_4` String MATERIALIZED replaceRegexpAll(JSONExtractRaw(properties, '$group_4'), '^"|"$', ''),
  `$window_id` String MATERIALIZED replaceRegexpAll(JSONExtractRaw(properties, '$window_id'), '^"|"$', ''),
  `$session_id` String MATERIALIZED replaceRegexpAll(JSONExtractRaw(properties, '$session_id'), '^"|"$', ''),
  elements_chain_href String MATERIALIZED extract(elements_chain, '(?::|")href="((?:[^"\\\\]|\\\\.)*)"'),
  elements_chain_texts Array(String) MATERIALIZED arrayDistinct(extractAll(elements_chain, '(?::|")text="((?:[^"\\\\]|\\\\.)*)"')),
  elements_chain_ids Array(String) MATERIALIZED arrayDistinct(extractAll(elements_chain, '(?::|")attr_id="((?:[^"\\\\]|\\\\.)*)"')),
  elements_chain_elements Array(Enum8('a' = 1, 'button' = 2, 'form' = 3, 'input' = 4, 'select' = 5, 'textarea' = 6, 'label' = 7))
    MATERIALIZED arrayDistinct(extractAll(elements_chain, '(?:^|;)(a|button|form|input|select|textarea|label)(?:\\.|$|:)')),
  _timestamp DateTime('UTC'),
  _offset UInt64,
  inserted_at Nullable(DateTime64(6, 'UTC')) DEFAULT now64(6),
  INDEX minmax_group_0 `$group_0` TYPE minmax GRANULARITY 1,
  INDEX minmax_group_1 `$group_1` TYPE minmax GRANULARITY 1,
  INDEX minmax_group_2 `$group_2` TYPE minmax GRANULARITY 1,
  INDEX minmax_group_3 `$group_3` TYPE minmax GRANULARITY 1,
  INDEX minmax_group_4 `$group_4` TYPE minmax GRANULARITY 1,
  INDEX minmax_window_id `$window_id` TYPE minmax GRANULARITY 1,
  INDEX minmax_session_id `$session_id` TYPE minmax GRANULARITY 1,
  INDEX minmax_timestamp _timestamp TYPE minmax GRANULARITY 1,
  INDEX minmax_inserted_at inserted_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(_timestamp)
PARTITION BY toYYYYMM(timestamp)
ORDER BY (team_id, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid))
SAMPLE BY cityHash64(distinct_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS tributary.person (
  id UUID,
  created_at DateTime64(3, 'UTC'),
  team_id Int64,
  properties String CODEC(ZSTD(3)),
  is_identified Int8,
  is_deleted Int8,
  version UInt64,
  last_seen_at Nullable(DateTime64(3, 'UTC')),
  _timestamp DateTime('UTC'),
  _offset UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (team_id, id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS tributary.person_distinct_id2 (
  team_id Int64,
  distinct_id String,
  person_id UUID,
  is_deleted Int8,
  version Int64,
  _timestamp DateTime('UTC'),
  _offset UInt64,
  _partition UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (team_id, distinct_id)
SETTINGS non_replicated_deduplication_window = 1000, index_granularity = 512;

CREATE TABLE IF NOT EXISTS tributary.person_distinct_id_overrides (
  team_id Int64,
  distinct_id String,
  person_id UUID,
  is_deleted Int8,
  version Int64,
  _timestamp DateTime('UTC'),
  _offset UInt64,
  _partition UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (team_id, distinct_id)
SETTINGS non_replicated_deduplication_window = 1000, index_granularity = 512;

-- The topic of mappings feeds two tables: its rows go into person_distinct_id2, and this view passes the overrides on,
-- whoever does the inserting.
CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.person_distinct_id_overrides_mv TO tributary.person_distinct_id_overrides AS
SELECT team_id, distinct_id, person_id, is_deleted, version, _timestamp, _offset, _partition
FROM tributary.person_distinct_id2
WHERE version > 0;

CREATE TABLE IF NOT EXISTS tributary.groups (
  group_type_index UInt8,
  group_key String,
  created_at DateTime64(3, 'UTC'),
  team_id Int64,
  group_properties String CODEC(ZSTD(3)),
  version UInt64,
  _timestamp DateTime('UTC'),
  _offset UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (team_id, group_type_index, group_key)
SETTINGS non_replicated_deduplication_window = 1000;

-- The message's position is part of the key of warnings and heatmap points: a message inserted twice is one row in the end.
CREATE TABLE IF NOT EXISTS tributary.ingestion_warnings (
  team_id Int64,
  source LowCardinality(String),
  type LowCardinality(String),
  details String CODEC(ZSTD(3)),
  timestamp DateTime64(6, 'UTC'),
  category LowCardinality(String) MATERIALIZED JSONExtractString(details, 'category'),
  severity LowCardinality(String) MATERIALIZED JSONExtractString(details, 'severity'),
  pipeline_step LowCardinality(String) MATERIALIZED JSONExtractString(details, 'pipelineStep'),
  event_uuid String MATERIALIZED JSONExtractString(details, 'eventUuid'),
  distinct_id String MATERIALIZED JSONExtractString(details, 'distinctId'),
  group_key String MATERIALIZED JSONExtractString(details, 'groupKey'),
  person_id String MATERIALIZED JSONExtractString(details, 'personId'),
  _timestamp DateTime('UTC'),
  _offset UInt64,
  _partition UInt64
) ENGINE = ReplacingMergeTree(_timestamp)
PARTITION BY toYYYYMM(timestamp)
ORDER BY (team_id, type, timestamp, _partition, _offset)
TTL toDate(timestamp) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS tributary.app_metrics2 (
  team_id Int64,
  timestamp DateTime64(6, 'UTC'),
  app_source LowCardinality(String),
  app_source_id String,
  instance_id String,
  metric_kind LowCardinality(String),
  metric_name LowCardinality(String),
  count SimpleAggregateFunction(sum, Int64),
  _timestamp SimpleAggregateFunction(max, DateTime('UTC')),
  _offset SimpleAggregateFunction(max, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (team_id, app_source, app_source_id, instance_id, toStartOfHour(timestamp), metric_kind, metric_name)
TTL toDate(timestamp) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS tributary.log_entries (
  team_id Int64,
  log_source LowCardinality(String),
  log_source_id String,
  instance_id String,
  timestamp DateTime64(6, 'UTC'),
  level LowCardinality(String),
  message String CODEC(ZSTD(3)),
  _timestamp DateTime('UTC'),
  _offset UInt64
) ENGINE = ReplacingMergeTree(_timestamp)
PARTITION BY toYYYYMM(timestamp)
ORDER BY (team_id, log_source, log_source_id, instance_id, timestamp)
TTL toDate(timestamp) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS tributary.heatmaps (
  session_id String,
  team_id Int64,
  distinct_id String,
  timestamp DateTime64(6, 'UTC'),
  x Int32,
  y Int32,
  scale_factor Int16,
  viewport_width Int32,
  viewport_height Int32,
  pointer_target_fixed Bool,
  current_url String CODEC(ZSTD(3)),
  type LowCardinality(String),
  _timestamp DateTime('UTC'),
  _offset UInt64,
  _partition UInt64
) ENGINE = ReplacingMergeTree(_timestamp)
PARTITION BY toYYYYMM(timestamp)
ORDER BY (type, team_id, toDate(timestamp), current_url, viewport_width, _partition, _offset)
TTL toDate(timestamp) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

-- topic, partition and offset say where the message was read that died, so that a batch delivered twice leaves one row; a
-- letter without that information has its own position in the dead-letter topic there, as _partition and _offset always do.
-- Unpartitioned, since both copies must meet in a merge whatever their times. team_id 0: unknown. Bytes are kept as they are.
CREATE TABLE IF NOT EXISTS tributary.dead_letters (
  topic LowCardinality(String),
  partition Int64,
  offset Int64,
  team_id Int64,
  token String,
  distinct_id String,
  event String,
  uuid String,
  reason LowCardinality(String),
  step LowCardinality(String),
  error String CODEC(ZSTD(3)),
  timestamp DateTime64(3, 'UTC'),
  headers Map(String, String) CODEC(ZSTD(3)),
  key String,
  value String CODEC(ZSTD(3)),
  _timestamp DateTime('UTC'),
  _partition UInt64,
  _offset UInt64
) ENGINE = ReplacingMergeTree(_timestamp)
ORDER BY (topic, partition, offset)
TTL toDate(_timestamp) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000;

-- Messages that a Kafka table could not parse or the sink could not insert, as their bytes were.
CREATE TABLE IF NOT EXISTS tributary.kafka_errors (
  topic LowCardinality(String),
  partition Int64,
  offset Int64,
  raw String CODEC(ZSTD(3)),
  error String CODEC(ZSTD(3)),
  _timestamp DateTime('UTC') DEFAULT now()
) ENGINE = ReplacingMergeTree(_timestamp)
ORDER BY (topic, partition, offset)
TTL toDate(_timestamp) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000;

-- Every event once. Copies of an event share the sort key and with it the month, so FINAL may work month by month.
CREATE OR REPLACE VIEW tributary.events_deduplicated AS
SELECT uuid, event, properties, timestamp, team_id, distinct_id, elements_chain, created_at, person_id, person_created_at, person_properties,
  group0_properties, group1_properties, group2_properties, group3_properties, group4_properties,
  group0_created_at, group1_created_at, group2_created_at, group3_created_at, group4_created_at, person_mode, historical_migration,
  `$group_0`, `$group_1`, `$group_2`, `$group_3`, `$group_4`, `$window_id`, `$session_id`,
  elements_chain_href, elements_chain_texts, elements_chain_ids, elements_chain_elements, _timestamp, _offset, inserted_at
FROM tributary.events FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW tributary.current_person AS
SELECT team_id, id, r.1 AS created_at, r.2 AS properties, r.3 AS is_identified, r.4 AS version
FROM (
  SELECT team_id, id, argMax((created_at, properties, is_identified, version, is_deleted), version) AS r
  FROM tributary.person
  GROUP BY team_id, id
)
WHERE r.5 = 0;

CREATE OR REPLACE VIEW tributary.current_distinct_id AS
SELECT team_id, distinct_id, r.1 AS person_id, r.2 AS version
FROM (
  SELECT team_id, distinct_id, argMax((person_id, version, is_deleted), version) AS r
  FROM tributary.person_distinct_id2
  GROUP BY team_id, distinct_id
)
WHERE r.3 = 0;

CREATE OR REPLACE VIEW tributary.current_group AS
SELECT team_id, group_type_index, group_key, r.1 AS created_at, r.2 AS group_properties, r.3 AS version
FROM (
  SELECT team_id, group_type_index, group_key, argMax((created_at, group_properties, version), version) AS r
  FROM tributary.groups
  GROUP BY team_id, group_type_index, group_key
);
