/** Configured functions in memory: rows in a map that its owner may change at any time. */

import * as Uuid from "@tributary/domain/event/Uuid"
import type * as HogFunction from "@tributary/domain/function/HogFunction"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as GeoIp from "../../transformation/GeoIp.ts"
import * as FunctionStore from "../FunctionStore.ts"

const geoIpRow = (team: number, createdAt: number): HogFunction.Row => ({
  id: Uuid.v5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", `geoip:${team}`),
  team,
  type: "transformation",
  name: "GeoIP",
  executionOrder: 1,
  templateId: GeoIp.id,
  inputsSchema: [],
  inputs: {},
  secretInputs: Result.succeed(null),
  filters: {},
  mappings: null,
  masking: null,
  createdAt
})

/** Over the rows given, by id. Looks at them each time: what is changed in the map holds from then on. */
export const layer = (rows: Map<string, HogFunction.Row>, options: FunctionStore.Options = { siteUrl: "" }) =>
  Layer.effect(
    FunctionStore.FunctionStore,
    Effect.map(FunctionStore.loader(options), (load) =>
      FunctionStore.FunctionStore.of({
        forTeams: (teams) =>
          Effect.suspend(() =>
            load(
              [...teams],
              [...rows.values()].filter(({ team }) => teams.has(team))
            )
          ),
        ensureGeoIpFunction: (team) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const isThere = [...rows.values()].some((row) => row.team === team && FunctionStore.isGeoIp(row.templateId))
            if (isThere) return
            const row = geoIpRow(team, now)
            rows.set(row.id, row)
          })
      })
    )
  )
