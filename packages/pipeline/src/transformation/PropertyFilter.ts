/**
 * Property filter: takes values off events, at the paths that it is told (spec cdp 2.6).
 *
 * Two modes, which are two templates of PostHog: one sets to null what is there, the older one removes the key. A path
 * of which a part is missing or null is left alone; it never fails, for a privacy filter that fails lets all through.
 */
import { isProperties, type Properties } from "@tributary/domain/event/Properties"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Transformation from "./Transformation.ts"

export type Mode = "null" | "remove"

type Path = ReadonlyArray<string>

const without = (object: Properties, key: string): Properties =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))

/** The object without the value at the path; the same object where the path leads nowhere. Own keys of objects only. */
const filterPath = (object: Properties, path: Path, mode: Mode, at = 0): Properties => {
  const key = path[at]
  if (key === undefined || !Object.hasOwn(object, key)) return object
  if (at === path.length - 1) return mode === "remove" ? without(object, key) : { ...object, [key]: null }
  const child = object[key]
  if (!isProperties(child)) return object
  const filtered = filterPath(child, path, mode, at + 1)
  return filtered === child ? object : { ...object, [key]: filtered }
}

/** All paths, one after the other; the same object when none is there. */
export const filter = (properties: Properties, paths: ReadonlyArray<Path>, mode: Mode): Properties =>
  paths.reduce((filtered, path) => filterPath(filtered, path, mode), properties)

/** Longer paths are refused: what walks them does so with the stack. */
const maxNames = 100

const Paths = Schema.Array(Schema.Array(Schema.String).check(Schema.isMaxLength(maxNames)))

/** A comma list of dotted paths. Only the newer template trims: in the older one " email" is a key of its own. */
const list = (mode: Mode) =>
  Schema.String.pipe(
    Schema.decodeTo(
      Paths,
      SchemaTransformation.transform({
        decode: (text: string): ReadonlyArray<Path> =>
          text
            .split(",")
            .map((entry) => (mode === "null" ? entry.trim() : entry))
            .filter((entry) => entry !== "")
            .map((entry) => entry.split(".")),
        encode: (paths) => paths.map((path) => path.join(".")).join(",")
      })
    )
  )

const apply = (event: Transformation.TransformationEvent, paths: ReadonlyArray<Path>, mode: Mode) => {
  const properties = filter(event.properties, paths, mode)
  return properties === event.properties ? Transformation.unchanged : Transformation.keep({ properties })
}

/** `propertiesToFilter`: paths whose values become null. */
export const nulling = Transformation.make({
  id: "template-filter-properties",
  name: "Filter Properties",
  inputs: Schema.Struct({ propertiesToFilter: list("null") }),
  run: (event, { propertiesToFilter }) => apply(event, propertiesToFilter, "null")
})

/** `properties`: paths whose keys are removed. */
export const removing = Transformation.make({
  id: "plugin-property-filter-plugin",
  name: "Property Filter",
  inputs: Schema.Struct({ properties: list("remove") }),
  run: (event, { properties }) => apply(event, properties, "remove")
})
