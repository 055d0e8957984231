/** An event that belongs to a project and is fit to be processed: what Admit hands to Transform. */
import type { MergePartner } from "@tributary/domain/event/Event"
import type { Position } from "@tributary/domain/event/Position"
import type { Properties } from "@tributary/domain/event/Properties"
import type { Project } from "@tributary/domain/project/Project"
import type { Subject } from "@tributary/domain/warning/Warning"

export interface Admitted {
  readonly at: Position
  readonly project: Project
  readonly uuid: string
  readonly event: string
  readonly distinctId: string
  /** Sanitised: clean texts, with what stood beside them in the body. */
  readonly properties: Properties
  /** The event's time as the body says it; undefined without one. */
  readonly timestamp: string | undefined
  /** The envelope's `now`, else the record's time, in milliseconds. */
  readonly receivedAt: number
  /** The header `now` in milliseconds, or null. */
  readonly capturedAt: number | null
  readonly historicalMigration: boolean
  /** By header or restriction. */
  readonly isPersonProcessingForcedOff: boolean
  /** As it was sent: legality is tested before texts are cleaned. */
  readonly partner: MergePartner | undefined
}

/** What warnings tell of an event. */
export const subject = ({ distinctId, event, project, uuid }: Admitted): Subject => ({
  team: project.id,
  uuid,
  event,
  distinctId
})
