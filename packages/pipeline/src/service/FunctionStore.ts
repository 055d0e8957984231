/**
 * The transformations and destinations that projects configured (spec cdp 1.1).
 *
 * Rows are read by team, decoded once, and bound to their programs. A row of which a part is not understood is refused
 * with one log line, and again only when it has changed.
 */
import * as HogFunction from "@tributary/domain/function/HogFunction"
import * as Refusal from "@tributary/domain/function/Refusal"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { LoadedDestination } from "../destination/Destination.ts"
import { DestinationRegistry } from "../destination/Registry.ts"
import * as GeoIp from "../transformation/GeoIp.ts"
import { TransformationRegistry } from "../transformation/Registry.ts"
import type { LoadedTransformation } from "../transformation/Runner.ts"
import type { StoreError } from "./StoreError.ts"

/** What a team has configured and we understand. */
export interface TeamFunctions {
  /** In the order in which they run. */
  readonly transformations: ReadonlyArray<LoadedTransformation>
  readonly destinations: ReadonlyArray<LoadedDestination>
}

export interface Options {
  /** The console's address, for links in templates; without a slash at the end. */
  readonly siteUrl: string
}

/**
 * Cached like projects (spec worker 1.4): a team with functions for two minutes and up to 30 s of jitter, a team without
 * for 10 s; concurrent misses share one query; at most 100,000 teams. While the database is away, cached functions serve
 * however old they are; only a team that is not cached fails.
 */
export class FunctionStore extends Context.Service<
  FunctionStore,
  {
    /** Teams without functions are not in the answer. One query for all that are not cached. */
    readonly forTeams: (teams: ReadonlySet<number>) => Effect.Effect<ReadonlyMap<number, TeamFunctions>, StoreError>
    /** Inserts an enabled GeoIP transformation of execution order 1, unless the team has one, in whatever state. */
    readonly ensureGeoIpFunction: (team: number) => Effect.Effect<void, StoreError>
  }
>()("@tributary/pipeline/FunctionStore") {}

/** A row as it was when it was last read, and what became of it. */
interface Read {
  readonly text: string
  readonly loaded: Loaded | undefined
}

type Loaded =
  | { readonly _tag: "Transformation"; readonly value: LoadedTransformation }
  | { readonly _tag: "Destination"; readonly value: LoadedDestination }

/** Makes functions of the enabled rows of some teams; teams without functions are not in the answer. */
export type Loader = (
  teams: ReadonlyArray<number>,
  rows: ReadonlyArray<HogFunction.Row>
) => Effect.Effect<ReadonlyMap<number, TeamFunctions>>

/** The loader of a store. It remembers what became of each row, so that an unchanged one costs and logs nothing. */
export const loader = Effect.fnUntraced(function* (options: Options) {
  const transformations = (yield* TransformationRegistry).byId
  const destinations = (yield* DestinationRegistry).byId
  const known = new Map<number, ReadonlyMap<string, Read>>()

  const load = (row: HogFunction.Row): Result.Result<Loaded, Refusal.Refusal> => {
    const refuse = (part: string, problem: string) => Result.fail({ id: row.id, team: row.team, part, problem })
    const templateId = row.templateId ?? "(none)"
    if (row.type === "transformation") {
      const transformation = transformations.get(templateId)
      if (transformation === undefined) return refuse("template_id", `${templateId} is no transformation of ours`)
      const decoded = HogFunction.decode(row, {})
      if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
      const [target] = decoded.success.targets
      if (target === undefined) return refuse("mappings", "there is nothing to run")
      const program = transformation.load(target.inputs, { id: row.team, url: options.siteUrl })
      if (Result.isFailure(program)) return refuse("inputs", program.failure)
      return Result.succeed({ _tag: "Transformation", value: { function: decoded.success, program: program.success } })
    }
    const destination = destinations.get(templateId)
    if (destination === undefined) return refuse("template_id", `${templateId} is no destination of ours`)
    const decoded = HogFunction.decode(row, destination.defaults)
    if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
    for (const { inputs, mapping } of decoded.success.targets) {
      const fits = destination.check(inputs)
      if (Result.isFailure(fits)) return refuse(mapping < 0 ? "inputs" : `mappings[${mapping}].inputs`, fits.failure)
    }
    return Result.succeed({ _tag: "Destination", value: { function: decoded.success, destination } })
  }

  /** Reads a row, or takes what became of it when it was last read. */
  const read = (row: HogFunction.Row, before: Read | undefined): Effect.Effect<Read> =>
    Effect.suspend(() => {
      const text = JSON.stringify(row)
      if (before?.text === text) return Effect.succeed(before)
      const result = load(row)
      return Result.isSuccess(result)
        ? Effect.succeed({ text, loaded: result.success })
        : Effect.as(Effect.logWarning(Refusal.toLine(result.failure)), { text, loaded: undefined })
    })

  const functionsOf = (reads: ReadonlyMap<string, Read>): TeamFunctions | undefined => {
    const loaded = [...reads.values()].flatMap((one) => one.loaded ?? [])
    const byOrder = (a: { readonly function: HogFunction.HogFunction }, b: typeof a): number =>
      HogFunction.byOrder(a.function, b.function)
    if (loaded.length === 0) return undefined
    return {
      transformations: loaded.flatMap((one) => (one._tag === "Transformation" ? one.value : [])).sort(byOrder),
      destinations: loaded.flatMap((one) => (one._tag === "Destination" ? one.value : [])).sort(byOrder)
    }
  }

  const loadTeams: Loader = Effect.fnUntraced(function* (teams, rows) {
    const byTeam = Map.groupBy(rows, (row) => row.team)
    const functions = new Map<number, TeamFunctions>()
    for (const team of teams) {
      const before = known.get(team)
      const reads = new Map<string, Read>()
      for (const row of byTeam.get(team) ?? []) reads.set(row.id, yield* read(row, before?.get(row.id)))
      if (reads.size === 0) known.delete(team)
      else known.set(team, reads)
      const ofTeam = functionsOf(reads)
      if (ofTeam !== undefined) functions.set(team, ofTeam)
    }
    return functions
  })
  return loadTeams
})

/** True for rows that stand for GeoIP. */
export const isGeoIp = (templateId: string | null): boolean => templateId === GeoIp.id || templateId === GeoIp.legacyId
