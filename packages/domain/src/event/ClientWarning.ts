/** `$$client_ingestion_warning`: an event that is a warning, and no event (spec worker 1.17). */
import { captureTypes } from "../warning/Catalogue.ts"
import { aboutEvent, type Subject, type Warning } from "../warning/Warning.ts"
import { objectAt, type Properties } from "./Properties.ts"

export const eventName = "$$client_ingestion_warning"

/**
 * The warning that such an event carries. One that names a type of capture's becomes a warning of that type, debounced as
 * that type is; any other becomes `client_ingestion_warning` with the message.
 */
export const toWarning = (subject: Subject, properties: Properties): Warning => {
  const type = properties[`${eventName}_type`]
  if (typeof type === "string" && captureTypes.has(type)) {
    const source = properties[`${eventName}_source`]
    return {
      team: subject.team,
      type,
      details: objectAt(properties, `${eventName}_details`),
      ...(typeof source === "string" && source !== "" ? { source } : {})
    }
  }
  return aboutEvent("client_ingestion_warning", subject, { message: properties[`${eventName}_message`] ?? null })
}
