/**
 * The elements that an autocaptured click went through, as one text (spec worker 5.2):
 * `a.btn.primary:attr__class="btn primary"href="/x"nth-child="1"nth-of-type="1"text="Go"`, elements joined by `;`.
 */
import { isProperties, type Properties } from "./Properties.ts"
import { clean, textOf } from "./Text.ts"

const maxText = 400
const maxHref = 2048

/** A text that was cut may end in half of a pair. */
const cutTo = (units: number, text: string): string => (text.length <= units ? text : clean(text.slice(0, units)))

const isThere = (value: unknown): boolean => value !== undefined && value !== null && value !== ""

const classesOf = (value: unknown): ReadonlyArray<string> => {
  const names = Array.isArray(value)
    ? value.map((name) => textOf(name))
    : typeof value === "string"
      ? value.split(" ")
      : []
  return names.filter((name) => name !== "").sort()
}

/** Lists, as of classes, read as HTML has them. */
const attributeText = (value: unknown): string =>
  Array.isArray(value) ? value.map((item) => textOf(item)).join(" ") : textOf(value)

const escapeQuotes = (text: string): string => text.replaceAll('"', '\\"')

const serializeElement = (element: Properties): string => {
  const attributes: Array<readonly [name: string, value: string]> = [
    ["nth-child", textOf(element["nth_child"] ?? 0)],
    ["nth-of-type", textOf(element["nth_of_type"] ?? 0)]
  ]
  if (isThere(element["$el_text"])) attributes.push(["text", cutTo(maxText, textOf(element["$el_text"]))])
  if (isThere(element["attr__href"])) attributes.push(["href", cutTo(maxHref, textOf(element["attr__href"]))])
  if (isThere(element["attr__id"])) attributes.push(["attr_id", textOf(element["attr__id"])])
  for (const name of Object.keys(element)) {
    if (name.startsWith("attr__")) attributes.push([escapeQuotes(name), attributeText(element[name])])
  }
  attributes.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const tag = isThere(element["tag_name"]) ? textOf(element["tag_name"]) : ""
  const classes = classesOf(element["attr__class"]).map((name) => `.${name.replaceAll('"', "")}`)
  return `${tag}${classes.join("")}:${attributes.map(([name, value]) => `${name}="${escapeQuotes(value)}"`).join("")}`
}

/** The chain of a list of elements; empty when one of them is no object. */
export const serialize = (elements: ReadonlyArray<unknown>): string =>
  elements.every(isProperties) ? elements.map(serializeElement).join(";") : ""

/**
 * The chain of an event: `$elements_chain` as it is if there is one, else `$elements` serialised, else empty. Whoever
 * stores the event leaves both properties out.
 */
export const chainOf = (properties: Properties): string => {
  const given = properties["$elements_chain"]
  if (given) return textOf(given)
  const elements = properties["$elements"]
  return Array.isArray(elements) ? serialize(elements) : ""
}
