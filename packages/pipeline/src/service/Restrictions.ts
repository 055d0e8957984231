/** What operators decided about tokens and distinct ids (spec worker 1.3). */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

export type Restriction = "drop_event" | "redirect_to_dlq" | "force_overflow" | "skip_person_processing"

/** What is known of a message before its body is read. */
export interface Restrictable {
  readonly token: string
  readonly distinctId: string | undefined
  readonly sessionId: string | undefined
  readonly event: string | undefined
  readonly uuid: string | undefined
}

const none: ReadonlySet<Restriction> = new Set()

export class Restrictions extends Context.Service<
  Restrictions,
  {
    /** Synchronous: the hot path asks per event. Answers with the same empty set where nothing applies. */
    readonly of: (message: Restrictable) => ReadonlySet<Restriction>
  }
>()("@tributary/pipeline/Restrictions") {
  /** Nothing is restricted. */
  static readonly layerNone = Layer.succeed(Restrictions, Restrictions.of({ of: () => none }))

  /**
   * From settings: per kind a comma list of `token`, `token:distinct_id` or `token:distinct_id:<distinct id>`; blank
   * pieces are ignored.
   */
  static readonly layerStatic = (lists: Partial<Readonly<Record<Restriction, string>>>) =>
    Layer.sync(Restrictions, () => {
      const byToken = new Map<string, Array<{ restriction: Restriction; distinctId: string | undefined }>>()
      for (const [restriction, list] of Object.entries(lists)) {
        for (const piece of list.split(",").map((text) => text.trim())) {
          if (piece === "") continue
          const colon = piece.indexOf(":")
          const token = colon < 0 ? piece : piece.slice(0, colon)
          const rest = colon < 0 ? undefined : piece.slice(colon + 1)
          const distinctId = rest?.startsWith("distinct_id:") === true ? rest.slice("distinct_id:".length) : rest
          const entries = byToken.get(token) ?? []
          entries.push({ restriction: restriction as Restriction, distinctId })
          byToken.set(token, entries)
        }
      }
      return Restrictions.of({
        of: ({ distinctId, token }) => {
          const entries = byToken.get(token)
          if (entries === undefined) return none
          const found = new Set<Restriction>()
          for (const entry of entries) {
            if (entry.distinctId === undefined || entry.distinctId === distinctId) found.add(entry.restriction)
          }
          return found
        }
      })
    })
}
