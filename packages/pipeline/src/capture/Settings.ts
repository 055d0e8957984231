/** What an operator may set about capture's rules (INTERFACE settings; spec capture 6.2). */
import * as Names from "@tributary/domain/row/Topics"

/** What happens to events whose token belongs to no project (spec capture 3.1). */
export type TokenCheck = "warn" | "off" | "reject"

/** Topics, with their prefix. Where an event name has no topic of its own, it goes the way of all others (spec capture 3.5). */
export interface Topics {
  readonly main: string
  readonly overflow: string
  readonly historical: string
  readonly deadLetters: string
  readonly exceptions?: string | undefined
  readonly heatmaps?: string | undefined
  readonly clientWarnings?: string | undefined
}

export interface Settings {
  readonly topics: Topics
  readonly tokenCheck: TokenCheck
  /** Most bytes of a payload once it is decompressed (`MAX_INFLATED`). */
  readonly maxInflatedBytes: number
  /** Most bytes of one message: key, value and headers (`MAX_EVENT`). */
  readonly maxEventBytes: number
  /** Events older than so many days go to the historical topic; undefined = none does for its age (spec capture 3.6). */
  readonly historicalAfterDays: number | undefined
}

export const defaults: Settings = {
  topics: {
    main: Names.events,
    overflow: Names.eventsOverflow,
    historical: Names.eventsHistorical,
    deadLetters: Names.deadLetters
  },
  tokenCheck: "warn",
  maxInflatedBytes: 100 * 1024 * 1024,
  maxEventBytes: 1_000_000,
  historicalAfterDays: undefined
}
