/** The project of `PROJECT_TOKEN`; the very first one gets a GeoIP transformation (spec cdp 1.1). */
import { FunctionStore } from "@tributary/pipeline/service/FunctionStore"
import * as Effect from "effect/Effect"
import { insertProject } from "../postgres/InsertProject.ts"

export const make = (token: string) =>
  Effect.gen(function* () {
    const { id, isFirst } = yield* insertProject({ token, name: "Default project" })
    const store = yield* FunctionStore
    if (isFirst) yield* store.ensureGeoIpFunction(id)
  })
