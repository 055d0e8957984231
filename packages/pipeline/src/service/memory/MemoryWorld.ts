/**
 * Every service that capture, ingestion and sink need, in memory, over state that can be looked at: for tests and examples
 * of programs that embed the library. Each layer is as strict as the real one and passes the same contract.
 */
import type { Row as FunctionRow } from "@tributary/domain/function/HogFunction"
import type { Project } from "@tributary/domain/project/Project"
import * as Layer from "effect/Layer"
import { DestinationRegistry } from "../../destination/Registry.ts"
import { TransformationRegistry } from "../../transformation/Registry.ts"
import type { Transformation } from "../../transformation/Transformation.ts"
import { GeoIp, type Place } from "../GeoIp.ts"
import { Health } from "../Health.ts"
import { Restrictions } from "../Restrictions.ts"
import * as ClickHouseSinkMemory from "./ClickHouseSinkMemory.ts"
import * as EventLogMemory from "./EventLogMemory.ts"
import * as FunctionStoreMemory from "./FunctionStoreMemory.ts"
import * as GroupTypesMemory from "./GroupTypesMemory.ts"
import * as PersonStoreMemory from "./PersonStoreMemory.ts"
import * as PersonTables from "./PersonTables.ts"
import * as ProgressMemory from "./ProgressMemory.ts"
import * as ProjectStoreMemory from "./ProjectStoreMemory.ts"

export interface Options {
  readonly projects: ReadonlyArray<Project>
  /** IP address → place; nothing is known of any other. */
  readonly places?: ReadonlyMap<string, Place>
  /** Transformations of your own, which rows may name. */
  readonly transformations?: ReadonlyArray<Transformation>
  /** Of each topic; 4 by default. */
  readonly partitions?: number
}

/** A world of its own; its parts may be read, and the lists of projects and functions changed, at any time. */
export const make = ({ partitions = 4, places = new Map(), projects, transformations = [] }: Options) => {
  const people = PersonTables.makeTables()
  const clickhouse = ClickHouseSinkMemory.makeTables()
  const log = EventLogMemory.make({ partitions })
  const functions = new Map<string, FunctionRow>()
  const all = [...projects]
  const layer = Layer.mergeAll(
    EventLogMemory.layer(log),
    PersonStoreMemory.layer({ tables: people }),
    ProgressMemory.layer(people.progress),
    ProjectStoreMemory.layer(all),
    GroupTypesMemory.layer(),
    FunctionStoreMemory.layer(functions).pipe(
      Layer.provide(
        Layer.mergeAll(TransformationRegistry.layer({ own: transformations }), DestinationRegistry.layer())
      ),
      Layer.provide(GeoIp.layerMemory(places))
    ),
    ClickHouseSinkMemory.layer(clickhouse),
    Restrictions.layerNone,
    Health.layer
  )
  return { layer, log, people, clickhouse, functions, projects: all }
}
