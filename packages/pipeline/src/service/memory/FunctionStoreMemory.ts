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

/** Over the rows given, by id; they are read again as the cache times have it. */
export const layer = (rows: Map<string, HogFunction.Row>, options: FunctionStore.Options = { siteUrl: "" }) =>
  Layer.effect(
    FunctionStore.FunctionStore,
    Effect.gen(function* () {
      const { forTeams } = yield* FunctionStore.cached(
        (teams) => Effect.sync(() => [...rows.values()].filter(({ team }) => teams.includes(team))),
        options
      )
      return FunctionStore.FunctionStore.of({
        forTeams,
        ensureGeoIpFunction: (team) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const isThere = [...rows.values()].some((row) => row.team === team && FunctionStore.isGeoIp(row.templateId))
            if (isThere) return
            const row = geoIpRow(team, now)
            rows.set(row.id, row)
          })
      })
    })
  )
