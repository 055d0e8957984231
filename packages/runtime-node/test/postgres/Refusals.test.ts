/** How long a refusal is remembered: as long as anybody may be given its message (spec worker 2.7, P41). */
import { assert, layer } from "@effect/vitest"
import type { Refusal, Work } from "@tributary/domain/person/Snapshot"
import { unchanged } from "@tributary/domain/person/Snapshot"
import { PersonStore } from "@tributary/pipeline/service/PersonStore"
import { Progress } from "@tributary/pipeline/service/Progress"
import { Effect, Layer } from "effect"
import * as PersonStoreSql from "../../src/postgres/PersonStore.ts"
import * as ProgressSql from "../../src/postgres/Progress.ts"
import * as TestDatabase from "./TestDatabase.ts"

const refusal: Refusal = { _tag: "DeadLetter", reason: "Merge limit exceeded", step: "person", error: "too many" }

layer(Layer.mergeAll(PersonStoreSql.layer, ProgressSql.layer).pipe(Layer.provide(TestDatabase.layer)), {
  excludeTestServices: true
})("a refusal", (it) => {
  it.effect("is found by a late owner although the group has committed, and goes with the message", () =>
    Effect.gen(function* () {
      const store = yield* PersonStore
      const progress = yield* Progress
      const group = "refusals"
      const at = { topic: "refusals", partition: 0, offset: 4n }
      const work: Work = { group, progress: [at], names: [], looks: [], groups: [], countIdsUpTo: 0 }
      const assigned = (begin: bigint) =>
        progress.assigned(group, [{ ...at, topicId: "an id", begin, end: Effect.succeed(9n), committed: 9n }])
      const remembered = Effect.map(
        store.transact(work, (snapshot) => ({
          changes: unchanged,
          result: snapshot.refused(at),
          messages: () => []
        })),
        ({ result }) => result
      )
      yield* store.transact(work, () => ({
        changes: { ...unchanged, refusals: [{ at, refusal }] },
        result: undefined,
        messages: () => []
      }))
      yield* assigned(4n)
      assert.deepStrictEqual(yield* remembered, refusal)
      yield* assigned(5n)
      assert.isUndefined(yield* remembered)
    })
  )
})
