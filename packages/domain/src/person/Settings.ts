/** Behavioural limits of the fold, with the defaults of spec worker 7. */
export interface Settings {
  /** `PERSON_PROPERTIES_DB_CONSTRAINT_LIMIT_BYTES`: the most that a person's properties may take in PostgreSQL. */
  readonly propertiesLimitBytes: number
  /** `PERSON_PROPERTIES_TRIM_TARGET_BYTES`: what properties that are already over the limit are trimmed to, as JSON text. */
  readonly trimTargetBytes: number
  /** `PERSON_PROPERTIES_UPDATE_ALL`: no property is filtered from being written. */
  readonly updateAll: boolean
  /** `PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT`: a merge of a person with more distinct ids is refused; 0 = no limit. */
  readonly mergeMoveLimit: number
  /** `PERSONLESS_UPGRADE`: look up the person of personless events. */
  readonly personlessUpgrade: boolean
  /** `FLAG_CALLED_PERSONLESS_DEFAULT_TEAMS`: where `$feature_flag_called` makes no person (spec worker 3.9). */
  readonly flagCalledPersonlessTeams: ReadonlySet<number> | "all"
}

export const defaults: Settings = {
  propertiesLimitBytes: 655_360,
  trimTargetBytes: 524_288,
  updateAll: false,
  mergeMoveLimit: 0,
  personlessUpgrade: false,
  flagCalledPersonlessTeams: new Set()
}
