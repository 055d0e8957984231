/** All that PostgreSQL keeps, on the pools of one process: people and their progress, projects, deliveries. */
import * as Layer from "effect/Layer"
import * as DeliveryStore from "../functions/DeliveryStore.ts"
import * as EventGroups from "../functions/EventGroups.ts"
import * as GroupTypes from "./GroupTypes.ts"
import * as PersonStore from "./PersonStore.ts"
import * as Progress from "./Progress.ts"
import * as ProjectStore from "./ProjectStore.ts"

export const layer = Layer.mergeAll(
  PersonStore.layer,
  Progress.layer,
  GroupTypes.layer,
  ProjectStore.layer,
  DeliveryStore.layer,
  EventGroups.layer
)
