/** Keeps secrets out of what a delivery logs (spec cdp 3.6). */
import { isProperties, type Properties } from "@tributary/domain/event/Properties"

/** A text with every secret in it replaced. */
export type Redact = (text: string) => string

const replacement = "***REDACTED***"
const maxDepth = 10

const credential =
  /authorization|cookie|token|secret|password|passwd|credential|api[-_ ]?key|private[-_ ]?key|signing[-_ ]?key/i
const scheme = /^(?:bearer|basic|token)\s+/i

const stringsIn = (value: unknown, depth = 0): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (typeof value !== "object" || value === null || depth > maxDepth) return []
  return Object.values(value).flatMap((child) => stringsIn(child, depth + 1))
}

/** Secret inputs and those named like credentials as a whole; of other dictionaries what stands under such a name. */
const secretsIn = (inputs: Properties, secretKeys: ReadonlySet<string>): ReadonlyArray<string> =>
  Object.entries(inputs).flatMap(([key, value]) => {
    if (secretKeys.has(key) || credential.test(key)) return stringsIn(value)
    if (!isProperties(value)) return []
    return Object.entries(value).flatMap(([name, child]) => (credential.test(name) ? stringsIn(child) : []))
  })

/** As it is, without its scheme, and each as JSON writes it. */
const forms = (secret: string): ReadonlyArray<string> =>
  [secret, secret.replace(scheme, "")].flatMap((form) => [form, JSON.stringify(form).slice(1, -1)])

const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

/** `inputs`: the resolved ones of one delivery. */
export const make = (inputs: Properties, secretKeys: ReadonlySet<string>): Redact => {
  const secrets = [...new Set(secretsIn(inputs, secretKeys).flatMap(forms))].filter((secret) => secret.trim() !== "")
  if (secrets.length === 0) return (text) => text
  // The longest first, so that no part of a longer one is left over.
  const pattern = new RegExp(
    secrets
      .sort((a, b) => b.length - a.length)
      .map(escapePattern)
      .join("|"),
    "g"
  )
  return (text) => text.replace(pattern, replacement)
}

const maxLine = 10_000

/** A line of at most 10,000 UTF-16 units and a mark that it was cut; never half a character. */
export const cutLine = (line: string): string => {
  if (line.length <= maxLine) return line
  const last = line.charCodeAt(maxLine - 1)
  const isHalf = last >= 0xd800 && last <= 0xdbff
  return `${line.slice(0, isHalf ? maxLine - 1 : maxLine)}... (truncated)`
}
