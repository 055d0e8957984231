import type { Project } from "@tributary/domain/project/Project"
import { Effect, Layer } from "effect"
import * as ProjectStoreMemory from "../../../src/service/memory/ProjectStoreMemory.ts"
import { Projects, projectStoreContract } from "../../contract/ProjectStore.ts"

const rows: Array<Project> = []

const operator = Layer.succeed(
  Projects,
  Projects.of({
    put: (project) =>
      Effect.sync(() => {
        const at = rows.findIndex((row) => row.id === project.id)
        if (at < 0) rows.push(project)
        else rows[at] = project
      }),
    ingested: (id) => Effect.sync(() => rows.some((row) => row.id === id && row.ingestedEvent))
  })
)

projectStoreContract("in memory", Layer.merge(ProjectStoreMemory.layer(rows), operator))
