/** What filters on elements look at: values taken from an elements chain (spec cdp 1.3). */

export type ElementKey = "href" | "text" | "id" | "tag_name"

const quoted = (attribute: string): RegExp => new RegExp(`[:"]${attribute}="((?:[^"\\\\]|\\\\.)*)"`, "g")
const attributes = { href: quoted("href"), text: quoted("text"), id: quoted("attr_id") } as const
const tag = /(?:^|;)(a|button|form|input|select|textarea|label)(?=[.:;]|$)/g

const unquote = (text: string): string => text.replaceAll('\\"', '"')

/** The distinct values of `key` in the chain, in order; of links only the first. */
export const values = (chain: string, key: ElementKey): ReadonlyArray<string> => {
  if (chain === "") return []
  const found = [...chain.matchAll(key === "tag_name" ? tag : attributes[key])].map((match) => unquote(match[1] ?? ""))
  return key === "href" ? found.slice(0, 1) : [...new Set(found)]
}
