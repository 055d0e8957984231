/**
 * Tables of `DATABASE_URL` (spec project, spec cdp 1.1). Keys are `<number>_<name>`; a migration that was released never
 * changes, a new one gets the next number.
 */
import { deliveries } from "./Deliveries.ts"
import * as Migration from "./Migration.ts"

const team = `
CREATE TABLE posthog_team (
  id                          serial       PRIMARY KEY,
  project_id                  bigint       NOT NULL,
  uuid                        uuid         NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  organization_id             uuid,
  name                        varchar(200) NOT NULL DEFAULT 'Default project',
  api_token                   varchar(200) NOT NULL UNIQUE,
  secret_api_token            varchar(200) UNIQUE,
  secret_api_token_backup     varchar(200),
  anonymize_ips               boolean      NOT NULL DEFAULT false,
  person_processing_opt_out   boolean      NOT NULL DEFAULT false,
  heatmaps_opt_in             boolean      NOT NULL DEFAULT false,
  cookieless_server_hash_mode smallint     NOT NULL DEFAULT 0,
  timezone                    varchar(240) NOT NULL DEFAULT 'UTC',
  drop_events_older_than      interval,
  ingested_event              boolean      NOT NULL DEFAULT false,
  extra_settings              jsonb        NOT NULL DEFAULT '{}',
  created_at                  timestamptz  NOT NULL DEFAULT now()
)`

const hogFunction = `
CREATE TABLE posthog_hogfunction (
  id               uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
  team_id          integer      NOT NULL,
  type             varchar(24)  NOT NULL,
  name             varchar(400) NOT NULL DEFAULT '',
  description      text         NOT NULL DEFAULT '',
  icon_url         text,
  enabled          boolean      NOT NULL DEFAULT false,
  deleted          boolean      NOT NULL DEFAULT false,
  execution_order  smallint,
  template_id      varchar(400),
  hog              text         NOT NULL DEFAULT '',
  bytecode         jsonb,
  inputs_schema    jsonb        NOT NULL DEFAULT '[]',
  inputs           jsonb        NOT NULL DEFAULT '{}',
  encrypted_inputs text,
  filters          jsonb        NOT NULL DEFAULT '{}',
  mappings         jsonb,
  masking          jsonb,
  batch_export_id  uuid,
  created_by       integer,
  created_at       timestamptz  NOT NULL DEFAULT now(),
  updated_at       timestamptz  NOT NULL DEFAULT now()
)`

/**
 * Quotas: kind `quota`, name = the resource, token, until (spec capture 3.2). Restrictions: kind `restriction`, name = the
 * suffix of the Redis key, an empty token, and in `items` the list that Redis would hold (spec worker 1.3).
 */
const limit = `
CREATE TABLE tributary_limit (
  kind          text NOT NULL CHECK (kind IN ('quota', 'restriction')),
  name          text NOT NULL,
  token         text NOT NULL DEFAULT '',
  limited_until timestamptz,
  items         jsonb,
  PRIMARY KEY (kind, name, token)
)`

/** Keys as in Redis (spec worker 1.18); the members of a set are rows of one key, anything else has the member ''. */
const cookieless = `
CREATE TABLE tributary_cookieless (
  key        text  NOT NULL,
  member     text  NOT NULL DEFAULT '',
  value      bytea,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (key, member)
)`

export const projects = {
  "0001_projects": Migration.statements([
    team,
    "CREATE INDEX ON posthog_team (project_id)",
    hogFunction,
    "CREATE INDEX ON posthog_hogfunction (team_id) WHERE enabled AND NOT deleted",
    limit,
    cookieless,
    "CREATE INDEX ON tributary_cookieless (expires_at)"
  ]),
  "0002_deliveries": deliveries
}
