/** Events and rows for tests of functions. */
import type { Row } from "@tributary/domain/function/HogFunction"
import type { TransformationEvent } from "@tributary/pipeline/transformation/Transformation"
import * as Result from "effect/Result"

export const anEvent = (more: Partial<TransformationEvent> = {}): TransformationEvent => ({
  uuid: "018f3a2e-0000-7000-8000-000000000001",
  event: "$pageview",
  distinctId: "d1",
  properties: {},
  ip: null,
  timestamp: "2024-05-01T10:00:00.000Z",
  ...more
})

let created = 0

/** An enabled row; each is younger than the one before. */
export const aRow = (more: Partial<Row> = {}): Row => {
  created += 1
  return {
    id: `00000000-0000-4000-8000-${String(created).padStart(12, "0")}`,
    team: 1,
    type: "transformation",
    name: "a function",
    executionOrder: null,
    templateId: "template-geoip",
    inputsSchema: [],
    inputs: {},
    secretInputs: Result.succeed(null),
    filters: {},
    mappings: null,
    masking: null,
    createdAt: created,
    ...more
  }
}
