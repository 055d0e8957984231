/** Restrictions as operators write them in settings (spec worker 1.3). */
import { assert, it } from "@effect/vitest"
import { Restrictions } from "@tributary/pipeline/service/Restrictions"
import { Effect } from "effect"

const of = (lists: Parameters<typeof Restrictions.layerStatic>[0], token: string, distinctId?: string) =>
  Restrictions.use((restrictions) =>
    Effect.succeed([...restrictions.of({ token, distinctId, sessionId: undefined, event: undefined, uuid: undefined })])
  ).pipe(Effect.provide(Restrictions.layerStatic(lists)))

it.effect("a token alone restricts all that it sends, with a distinct id only what that one sends", () =>
  Effect.gen(function* () {
    const lists = { drop_event: "t1, t2:u ,t3:distinct_id:u", force_overflow: "t1" }
    assert.deepStrictEqual(yield* of(lists, "t1", "anybody"), ["drop_event", "force_overflow"])
    assert.deepStrictEqual(yield* of(lists, "t1"), ["drop_event", "force_overflow"])
    assert.deepStrictEqual(yield* of(lists, "t2", "u"), ["drop_event"])
    assert.deepStrictEqual(yield* of(lists, "t2", "v"), [])
    assert.deepStrictEqual(yield* of(lists, "t2"), [])
    assert.deepStrictEqual(yield* of(lists, "t3", "u"), ["drop_event"])
    assert.deepStrictEqual(yield* of(lists, "t4", "u"), [])
  })
)

it.effect("a distinct id may hold colons; blank pieces are none", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* of({ drop_event: " ,,t:a:b:c" }, "t", "a:b:c"), ["drop_event"])
    assert.deepStrictEqual(yield* of({ drop_event: "" }, "", ""), [])
    assert.deepStrictEqual(yield* of({ drop_event: "__proto__" }, "constructor"), [])
  })
)
