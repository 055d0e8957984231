/** An event of the load: what is sent, and what it must have led to when everything has drained. */
import type { Properties } from "@tributary/domain/event/Properties"

export interface LoadEvent {
  readonly uuid: string
  readonly distinctId: string
  readonly event: string
  readonly properties: Properties
  /**
   * Its place, from 0, among the events of its distinct id that set `turnKey`; undefined where it sets nothing. The person must
   * show the last two turns, and the event the turn before it.
   */
  readonly turn?: number
  /** The distinct id that is the same person from now on. */
  readonly partner?: string
  /** The group that it changes. Only one distinct id ever changes a group, so that the last one wins. */
  readonly group?: GroupChange
  /** Leaves no person. */
  readonly isPersonless: boolean
}

export interface GroupChange {
  readonly type: string
  readonly key: string
  readonly size: number
}

/** The person's property that a turn sets; two take turns, so that each event shows the one before it. */
export const turnKey = (distinctId: string, turn: number): string => `${distinctId} ${turn % 2 === 0 ? "even" : "odd"}`

/** The person's property that every turn sets once: the first one's place, 0. */
export const firstKey = (distinctId: string): string => `${distinctId} first`
