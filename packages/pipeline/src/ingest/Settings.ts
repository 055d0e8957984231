/** Behavioural limits of the worker, with the names and defaults of spec worker 7. */
import * as FoldSettings from "@tributary/domain/person/Settings"

export interface Settings {
  /** `EVENT_DENYLIST`: names that go to the dead letters. */
  readonly eventDenylist: ReadonlySet<string>
  /** `INGESTION_OVERFLOW_ENABLED`. */
  readonly overflowEnabled: boolean
  /** `INGESTION_OVERFLOW_PRESERVE_PARTITION_LOCALITY`. */
  readonly overflowPreserveLocality: boolean
  /** `EVENT_SCHEMA_ENFORCEMENT_ENABLED`. */
  readonly schemaEnforcement: boolean
  /** `COOKIELESS_DISABLED`. */
  readonly cookielessDisabled: boolean
  /** `SKIP_UPDATE_EVENT_AND_PROPERTIES_STEP`: do not set `ingested_event`. */
  readonly skipIngestedFlag: boolean
  readonly fold: FoldSettings.Settings
}

export const defaults: Settings = {
  eventDenylist: new Set(),
  overflowEnabled: false,
  overflowPreserveLocality: false,
  schemaEnforcement: true,
  cookielessDisabled: false,
  skipIngestedFlag: false,
  fold: FoldSettings.defaults
}
