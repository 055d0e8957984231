/**
 * Project tokens ("API keys") as capture takes them: by their shape alone, which says nothing of whether a project has
 * one (spec capture 3.1).
 */

/** The longest token, in bytes. */
export const maxBytes = 64

/** Why a token is refused. */
export type Fault = "empty" | "too_long" | "not_ascii" | "personal_api_key" | "null_byte"

const ascii = /^[\0-\x7f]*$/

/** What is wrong with a token that was trimmed; undefined when its shape is right. */
export const faultOf = (token: string): Fault | undefined => {
  if (token === "") return "empty"
  if (token.length > maxBytes) return "too_long"
  if (!ascii.test(token)) return "not_ascii"
  if (token.startsWith("phx_")) return "personal_api_key"
  if (token.includes("\0")) return "null_byte"
  return undefined
}
