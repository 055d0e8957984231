-- ClickHouse reads the log by itself: for each topic a Kafka table, a view that fills the table and one that keeps what did
-- not parse (guides clickhouse 6). One consumer and one group a topic; the sink's groups have the same names. KafkaTables.ts
-- runs these in an order of its own, replaces {{brokers}}, {{topic_prefix}} and {{group_prefix}}, as literals inside quotes,
-- and adds settings at a table's end. A table stands before its views, and is split off as in schema.sql.

CREATE TABLE IF NOT EXISTS tributary.kafka_events (
  uuid UUID,
  event String,
  properties String,
  timestamp DateTime64(6, 'UTC'),
  team_id Int64,
  distinct_id String,
  elements_chain String,
  created_at DateTime64(6, 'UTC'),
  person_id UUID,
  person_created_at DateTime64(3, 'UTC'),
  person_properties String,
  group0_properties String,
  group1_properties String,
  group2_properties String,
  group3_properties String,
  group4_properties String,
  group0_created_at DateTime64(3, 'UTC'),
  group1_created_at DateTime64(3, 'UTC'),
  group2_created_at DateTime64(3, 'UTC'),
  group3_created_at DateTime64(3, 'UTC'),
  group4_created_at DateTime64(3, 'UTC'),
  person_mode Enum8('full' = 0, 'propertyless' = 1, 'force_upgrade' = 2),
  historical_migration Bool
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}clickhouse_events_json',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}clickhouse_events_json', kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_events_mv TO tributary.events AS
SELECT uuid, event, properties, timestamp, team_id, distinct_id, elements_chain, created_at, person_id, person_created_at, person_properties,
  group0_properties, group1_properties, group2_properties, group3_properties, group4_properties,
  group0_created_at, group1_created_at, group2_created_at, group3_created_at, group4_created_at, person_mode, historical_migration,
  ifNull(_timestamp, now()) AS _timestamp, _offset
FROM tributary.kafka_events
WHERE length(_error) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_events_errors_mv TO tributary.kafka_errors AS
SELECT _topic AS topic, toInt64(_partition) AS partition, toInt64(_offset) AS offset, _raw_message AS raw, _error AS error,
  ifNull(_timestamp, now()) AS _timestamp
FROM tributary.kafka_events
WHERE length(_error) > 0;

CREATE TABLE IF NOT EXISTS tributary.kafka_person (
  id UUID,
  created_at DateTime64(3, 'UTC'),
  team_id Int64,
  properties String,
  is_identified Int8,
  is_deleted Int8,
  version UInt64,
  last_seen_at Nullable(DateTime64(3, 'UTC'))
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}clickhouse_person',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}clickhouse_person', kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_person_mv TO tributary.person AS
SELECT id, created_at, team_id, properties, is_identified, is_deleted, version, last_seen_at, ifNull(_timestamp, now()) AS _timestamp, _offset
FROM tributary.kafka_person
WHERE length(_error) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_person_errors_mv TO tributary.kafka_errors AS
SELECT _topic AS topic, toInt64(_partition) AS partition, toInt64(_offset) AS offset, _raw_message AS raw, _error AS error,
  ifNull(_timestamp, now()) AS _timestamp
FROM tributary.kafka_person
WHERE length(_error) > 0;

CREATE TABLE IF NOT EXISTS tributary.kafka_person_distinct_id (
  team_id Int64,
  distinct_id String,
  person_id UUID,
  is_deleted Int8,
  version Int64
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}clickhouse_person_distinct_id',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}clickhouse_person_distinct_id', kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_person_distinct_id_mv TO tributary.person_distinct_id2 AS
SELECT team_id, distinct_id, person_id, is_deleted, version, ifNull(_timestamp, now()) AS _timestamp, _offset, _partition
FROM tributary.kafka_person_distinct_id
WHERE length(_error) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_person_distinct_id_errors_mv TO tributary.kafka_errors AS
SELECT _topic AS topic, toInt64(_partition) AS partition, toInt64(_offset) AS offset, _raw_message AS raw, _error AS error,
  ifNull(_timestamp, now()) AS _timestamp
FROM tributary.kafka_person_distinct_id
WHERE length(_error) > 0;

CREATE TABLE IF NOT EXISTS tributary.kafka_groups (
  group_type_index UInt8,
  group_key String,
  created_at DateTime64(3, 'UTC'),
  team_id Int64,
  group_properties String,
  version UInt64
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}clickhouse_groups',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}clickhouse_groups', kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_groups_mv TO tributary.groups AS
SELECT group_type_index, group_key, created_at, team_id, group_properties, version, ifNull(_timestamp, now()) AS _timestamp, _offset
FROM tributary.kafka_groups
WHERE length(_error) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_groups_errors_mv TO tributary.kafka_errors AS
SELECT _topic AS topic, toInt64(_partition) AS partition, toInt64(_offset) AS offset, _raw_message AS raw, _error AS error,
  ifNull(_timestamp, now()) AS _timestamp
FROM tributary.kafka_groups
WHERE length(_error) > 0;

CREATE TABLE IF NOT EXISTS tributary.kafka_ingestion_warnings (
  team_id Int64,
  source LowCardinality(String),
  type LowCardinality(String),
  details String,
  timestamp DateTime64(6, 'UTC')
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}clickhouse_ingestion_warnings',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}clickhouse_ingestion_warnings', kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_ingestion_warnings_mv TO tributary.ingestion_warnings AS
SELECT team_id, source, type, details, timestamp, ifNull(_timestamp, now()) AS _timestamp, _offset, _partition
FROM tributary.kafka_ingestion_warnings
WHERE length(_error) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_ingestion_warnings_errors_mv TO tributary.kafka_errors AS
SELECT _topic AS topic, toInt64(_partition) AS partition, toInt64(_offset) AS offset, _raw_message AS raw, _error AS error,
  ifNull(_timestamp, now()) AS _timestamp
FROM tributary.kafka_ingestion_warnings
WHERE length(_error) > 0;

CREATE TABLE IF NOT EXISTS tributary.kafka_app_metrics2 (
  team_id Int64,
  timestamp DateTime64(6, 'UTC'),
  app_source LowCardinality(String),
  app_source_id String,
  instance_id String,
  metric_kind LowCardinality(String),
  metric_name LowCardinality(String),
  count Int64
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}clickhouse_app_metrics2',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}clickhouse_app_metrics2', kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_app_metrics2_mv TO tributary.app_metrics2 AS
SELECT team_id, timestamp, app_source, app_source_id, instance_id, metric_kind, metric_name, count, ifNull(_timestamp, now()) AS _timestamp, _offset
FROM tributary.kafka_app_metrics2
WHERE length(_error) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_app_metrics2_errors_mv TO tributary.kafka_errors AS
SELECT _topic AS topic, toInt64(_partition) AS partition, toInt64(_offset) AS offset, _raw_message AS raw, _error AS error,
  ifNull(_timestamp, now()) AS _timestamp
FROM tributary.kafka_app_metrics2
WHERE length(_error) > 0;

CREATE TABLE IF NOT EXISTS tributary.kafka_log_entries (
  team_id Int64,
  log_source LowCardinality(String),
  log_source_id String,
  instance_id String,
  timestamp DateTime64(6, 'UTC'),
  level LowCardinality(String),
  message String
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}log_entries',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}log_entries', kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_log_entries_mv TO tributary.log_entries AS
SELECT team_id, log_source, log_source_id, instance_id, timestamp, level, message, ifNull(_timestamp, now()) AS _timestamp, _offset
FROM tributary.kafka_log_entries
WHERE length(_error) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_log_entries_errors_mv TO tributary.kafka_errors AS
SELECT _topic AS topic, toInt64(_partition) AS partition, toInt64(_offset) AS offset, _raw_message AS raw, _error AS error,
  ifNull(_timestamp, now()) AS _timestamp
FROM tributary.kafka_log_entries
WHERE length(_error) > 0;

CREATE TABLE IF NOT EXISTS tributary.kafka_heatmaps (
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
  current_url String,
  type LowCardinality(String)
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}clickhouse_heatmap_events',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}clickhouse_heatmap_events', kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_heatmaps_mv TO tributary.heatmaps AS
SELECT session_id, team_id, distinct_id, timestamp, x, y, scale_factor, viewport_width, viewport_height, pointer_target_fixed,
  current_url, type, ifNull(_timestamp, now()) AS _timestamp, _offset, _partition
FROM tributary.kafka_heatmaps
WHERE length(_error) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_heatmaps_errors_mv TO tributary.kafka_errors AS
SELECT _topic AS topic, toInt64(_partition) AS partition, toInt64(_offset) AS offset, _raw_message AS raw, _error AS error,
  ifNull(_timestamp, now()) AS _timestamp
FROM tributary.kafka_heatmaps
WHERE length(_error) > 0;

-- RawBLOB takes any bytes as one row, but makes none of no bytes: an empty dead letter carries a byte and `dlq_empty`. The
-- last of several headers of one name counts, and a Map finds the first, hence arrayReverse.
CREATE TABLE IF NOT EXISTS tributary.kafka_dead_letters (
  value String
) ENGINE = Kafka
SETTINGS kafka_broker_list = '{{brokers}}', kafka_topic_list = '{{topic_prefix}}events_plugin_ingestion_dlq',
  kafka_group_name = '{{group_prefix}}{{topic_prefix}}events_plugin_ingestion_dlq', kafka_format = 'RawBLOB',
  kafka_handle_error_mode = 'stream', kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 500, kafka_max_block_size = 65536,
  date_time_input_format = 'best_effort';

CREATE MATERIALIZED VIEW IF NOT EXISTS tributary.kafka_dead_letters_mv TO tributary.dead_letters AS
WITH mapFromArrays(arrayReverse(_headers.name), arrayReverse(_headers.value)) AS h,
  h['dlq_topic'] != '' AND match(h['dlq_partition'], '^[0-9]+$') AND match(h['dlq_offset'], '^[0-9]+$') AS sourced
SELECT if(sourced, h['dlq_topic'], _topic) AS topic,
  if(sourced, toInt64OrZero(h['dlq_partition']), toInt64(_partition)) AS partition,
  if(sourced, toInt64OrZero(h['dlq_offset']), toInt64(_offset)) AS offset,
  toInt64OrZero(h['dlq_team_id']) AS team_id,
  h['token'] AS token,
  h['distinct_id'] AS distinct_id,
  h['event'] AS event,
  h['uuid'] AS uuid,
  h['dlq_reason'] AS reason,
  h['dlq_step'] AS step,
  h['dlq_error'] AS error,
  ifNull(parseDateTime64BestEffortOrNull(h['dlq_timestamp'], 3, 'UTC'), toDateTime64(ifNull(_timestamp, now()), 3, 'UTC')) AS timestamp,
  mapFromArrays(_headers.name, _headers.value) AS headers,
  _key AS key,
  if(h['dlq_empty'] = '', value, '') AS value,
  ifNull(_timestamp, now()) AS _timestamp,
  _partition,
  _offset
FROM tributary.kafka_dead_letters;
