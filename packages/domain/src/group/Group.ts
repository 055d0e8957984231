/** Groups (organisations, projects, …) that events and people belong to (spec worker 4). */
import type { Properties } from "../event/Properties.ts"

export interface GroupName {
  readonly team: number
  /** 0 … 4. */
  readonly index: number
  readonly key: string
}

/** A text that is equal for equal groups, for use as a key of maps. */
export const groupNameKey = (team: number, index: number, key: string): string => `${team}:${index}:${key}`

export interface Group extends GroupName {
  readonly properties: Properties
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** 1 at creation. */
  readonly version: number
}

/** The index 0 … 4 of a group type of a project; undefined where the project has none for it (spec worker 4.2). */
export type GroupTypeIndex = (projectId: number, groupType: string) => number | undefined
