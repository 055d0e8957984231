/** Heatmap points in an event (spec worker 1.16). */
import type { Subject, Warning } from "../warning/Warning.ts"
import { isBlank, isLegalForMerge } from "./DistinctId.ts"
import { isProperties, type Properties } from "./Properties.ts"
import { textOf } from "./Text.ts"

/** The event that brings points and nothing else: no row, no person. */
export const eventName = "$$heatmap"

/** Coordinates and viewport are stored divided by it, and rounded. */
export const scaleFactor = 16

/** A point, scaled. */
export interface HeatmapPoint {
  readonly type: string
  readonly x: number
  readonly y: number
  readonly targetFixed: boolean
  readonly viewportWidth: number
  readonly viewportHeight: number
  readonly url: string
  readonly sessionId: string
}

export interface Extracted {
  readonly points: ReadonlyArray<HeatmapPoint>
  readonly warnings: ReadonlyArray<Warning>
  /** Why all data was refused; a `$$heatmap` event is dropped for it, any other goes on without points. */
  readonly refused?: "heatmap_invalid_distinct_id" | "heatmap_invalid_viewport_dimensions"
}

const nothing: Extracted = { points: [], warnings: [] }

/** Scaled and rounded; undefined for what is no number, or more than ClickHouse's Int32 holds. */
const scaled = (value: unknown): number | undefined => {
  if (typeof value !== "number") return undefined
  const rounded = Math.round(value / scaleFactor)
  // `| 0` keeps exactly the integers that fit, and turns -0 into 0.
  return (rounded | 0) === rounded || rounded === 0 ? rounded | 0 : undefined
}

/** The page before this one, told by its path. Undefined when the current URL is none. */
const previousUrl = (current: unknown, path: unknown): string | undefined => {
  if (typeof current !== "string" || !URL.canParse(current)) return undefined
  const url = new URL(current)
  url.pathname = textOf(path)
  return url.toString()
}

/** True when an event holds anything that this page is about. */
export const hasData = (properties: Properties): boolean =>
  Boolean(properties["$heatmap_data"]) || Boolean(properties["$prev_pageview_pathname"] && properties["$current_url"])

/** The event's properties without its points, which are stored elsewhere. */
export const without = (properties: Properties): Properties => {
  if (!Object.hasOwn(properties, "$heatmap_data")) return properties
  const { $heatmap_data: _, ...rest } = properties
  return rest
}

/**
 * The points of an event, and what was wrong with others. Points that are wrong themselves are skipped without a word, as
 * upstream does.
 */
export const extract = (subject: Subject, properties: Properties): Extracted => {
  if (!hasData(properties)) return nothing
  const { team, uuid: eventUuid, distinctId } = subject
  if (isBlank(distinctId) || !isLegalForMerge(distinctId)) {
    return { ...nothing, refused: "heatmap_invalid_distinct_id" }
  }
  const viewportWidth = scaled(properties["$viewport_width"])
  const viewportHeight = scaled(properties["$viewport_height"])
  if (viewportWidth === undefined || viewportHeight === undefined) {
    return { ...nothing, refused: "heatmap_invalid_viewport_dimensions" }
  }
  const session = properties["$session_id"]
  const sessionId = session === undefined || session === null ? "" : textOf(session)
  const points: Array<HeatmapPoint> = []
  const warnings: Array<Warning> = []

  const add = (url: string, item: unknown): void => {
    if (!isProperties(item)) return
    const x = scaled(item["x"])
    const y = scaled(item["y"])
    const { type, target_fixed: targetFixed } = item
    if (x === undefined || y === undefined || typeof targetFixed !== "boolean") return
    if (typeof type !== "string" || isBlank(type)) return
    points.push({ type, x, y, targetFixed, viewportWidth, viewportHeight, url, sessionId })
  }
  const reject = (type: string, details: Properties): void => {
    warnings.push({ team, type, details: { eventUuid, session_id: sessionId, ...details }, key: sessionId })
  }

  const data = properties["$heatmap_data"]
  if (isProperties(data)) {
    for (const [url, items] of Object.entries(data)) {
      if (isBlank(url)) reject("rejecting_heatmap_data_with_invalid_url", { heatmapUrl: url })
      else if (!Array.isArray(items)) reject("rejecting_heatmap_data_with_invalid_items", { items: textOf(items, 200) })
      else for (const item of items) add(url, item)
    }
  } else if (data) warnings.push({ team, type: "invalid_heatmap_data", details: { eventUuid } })

  if (properties["$prev_pageview_pathname"] && properties["$current_url"]) {
    const url = previousUrl(properties["$current_url"], properties["$prev_pageview_pathname"])
    if (url === undefined) warnings.push({ team, type: "invalid_heatmap_data", details: { eventUuid } })
    else add(url, { x: 0, y: properties["$prev_pageview_max_scroll"], type: "scrolldepth", target_fixed: false })
  }
  return { points, warnings }
}
