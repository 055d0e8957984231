/** The notation of spec worker 8.0, over whatever stands for an event in a test: one in the fold, or a message of the log. */
import type { Properties } from "@tributary/domain/event/Properties"

export const T0 = Date.UTC(2024, 4, 1, 10)
export const minutes = (count: number): number => count * 60_000

/** Short names: `set` is `$set`, `once` is `$set_once`, `unset` is `$unset`. */
const spelled = ({ once, set, unset, ...rest }: Properties): Properties => ({
  ...rest,
  ...(set === undefined ? {} : { $set: set }),
  ...(once === undefined ? {} : { $set_once: once }),
  ...(unset === undefined ? {} : { $unset: unset })
})

export const notation = <Made, Options>(
  make: (name: string, distinctId: string, said: Properties, options?: Options) => Made
) => {
  const event = (name: string, distinctId: string, said: Properties = {}, options?: Options): Made =>
    make(name, distinctId, spelled(said), options)
  return {
    event,
    E: (distinctId: string, said?: Properties, options?: Options): Made => event("custom", distinctId, said, options),
    /** A personless event. */
    A: (distinctId: string, said?: Properties, options?: Options): Made =>
      event("custom", distinctId, { ...said, $process_person_profile: false }, options),
    /** `I(target, source)`: the notation's `I(target←source)`. */
    I: (target: string, source: unknown, said?: Properties, options?: Options): Made =>
      event("$identify", target, { ...said, $anon_distinct_id: source }, options),
    AL: (target: string, source: unknown, said?: Properties, options?: Options): Made =>
      event("$create_alias", target, { ...said, alias: source }, options),
    MD: (target: string, source: unknown, said?: Properties, options?: Options): Made =>
      event("$merge_dangerously", target, { ...said, alias: source }, options),
    /** On the distinct id `u`. */
    GI: (type: unknown, key: unknown, set?: unknown, said?: Properties, options?: Options): Made =>
      event(
        "$groupidentify",
        "u",
        { ...said, $group_type: type, $group_key: key, ...(set === undefined ? {} : { $group_set: set }) },
        options
      )
  }
}
