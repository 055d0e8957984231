/** Tables of deliveries and masks (spec cdp 1.5, 3). */
import * as Migration from "./Migration.ts"

/**
 * One row per event, function and mapping. `due_at` is when to send, or when the lease of who sends ends. A finished row
 * stays for a week, without its message, so that an event that comes again is known.
 */
const delivery = `
CREATE TABLE tributary_delivery (
  event_uuid  uuid        NOT NULL,
  function_id uuid        NOT NULL,
  mapping     smallint    NOT NULL,
  team_id     integer     NOT NULL,
  message     text        NOT NULL,
  attempts    smallint    NOT NULL DEFAULT 0,
  due_at      timestamptz NOT NULL,
  created_at  timestamptz NOT NULL,
  state       text CHECK (state IN ('delivered', 'failed', 'removed')),
  finished_at timestamptz,
  PRIMARY KEY (event_uuid, function_id, mapping)
) WITH (fillfactor = 80)`

const mask = `
CREATE TABLE tributary_mask (
  function_id uuid        NOT NULL,
  hash        text        NOT NULL,
  count       bigint      NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (function_id, hash)
) WITH (fillfactor = 80)`

export const deliveries = Migration.statements([
  delivery,
  "CREATE INDEX ON tributary_delivery (due_at) WHERE finished_at IS NULL",
  "CREATE INDEX ON tributary_delivery (finished_at) WHERE finished_at IS NOT NULL",
  mask,
  "CREATE INDEX ON tributary_mask (expires_at)"
])
