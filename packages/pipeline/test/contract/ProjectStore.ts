/** What every layer of `ProjectStore` promises. The clock is virtual. */
import { assert, layer } from "@effect/vitest"
import type { Project } from "@tributary/domain/project/Project"
import { project } from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import { ProjectStore } from "@tributary/pipeline/service/ProjectStore"
import { Context, Effect, type Layer } from "effect"
import { TestClock } from "effect/testing"

/** The operator: writes rows behind the store's back. */
export class Projects extends Context.Service<
  Projects,
  {
    /** Inserts a project, or replaces the one with that id. */
    readonly put: (project: Project) => Effect.Effect<void>
    readonly ingested: (id: number) => Effect.Effect<boolean>
  }
>()("@tributary/test/Projects") {}

const byToken = (token: string) =>
  Effect.gen(function* () {
    const store = yield* ProjectStore
    return (yield* store.byTokens(new Set([token]))).get(token)
  })

export const projectStoreContract = <E>(
  name: string,
  /** Takes texts as PostgreSQL does, and starts empty for each test. */
  implementation: Layer.Layer<ProjectStore | Projects, E>
) =>
  layer(implementation)(`ProjectStore: ${name}`, (it) => {
    const full = project({
      id: 101,
      apiToken: "phc_full",
      projectId: 100,
      secretApiToken: "phs_a",
      secretApiTokenBackup: "phs_b",
      name: "Ünïcode ☃",
      anonymizeIps: true,
      personProcessingOptOut: true,
      heatmapsOptIn: true,
      cookielessMode: 2,
      timezone: "Europe/Berlin",
      dropEventsOlderThanSeconds: 86_400,
      ingestedEvent: true,
      lastSeenEnabled: true,
      eventFilter: {
        id: "f1",
        mode: "live",
        tree: { type: "condition", field: "event_name", operator: "exact", value: "noise" }
      },
      eventSchemas: new Map([["buy", new Map([["price", ["Numeric"]]])]])
    })

    it.effect("a project is found by its token and by its id, with all its settings", () =>
      Effect.gen(function* () {
        const store = yield* ProjectStore
        yield* (yield* Projects).put(full)
        assert.deepStrictEqual(yield* byToken("phc_full"), full)
        assert.deepStrictEqual((yield* store.byIds(new Set([101]))).get(101), full)
      })
    )

    it.effect("what has no project is there as undefined, whatever else is asked for", () =>
      Effect.gen(function* () {
        const store = yield* ProjectStore
        yield* (yield* Projects).put(project({ id: 102, apiToken: "phc_102" }))
        const found = yield* store.byTokens(new Set(["phc_nobody", "phc_102", ""]))
        assert.deepStrictEqual([...found.keys()].toSorted(), ["", "phc_102", "phc_nobody"])
        assert.isUndefined(found.get("phc_nobody"))
        assert.strictEqual(found.get("phc_102")?.id, 102)
        assert.deepStrictEqual(yield* store.byIds(new Set([999_999])), new Map([[999_999, undefined]]))
      })
    )

    it.effect("one to ten digits are never a token, and neither is a text that no column can hold", () =>
      Effect.gen(function* () {
        yield* (yield* Projects).put(project({ id: 103, apiToken: "1234567890" }))
        yield* (yield* Projects).put(project({ id: 104, apiToken: "12345678901" }))
        assert.isUndefined(yield* byToken("1234567890"))
        assert.strictEqual((yield* byToken("12345678901"))?.id, 104)
        assert.isUndefined(yield* byToken("phc\u0000"))
        assert.isUndefined(yield* byToken("phc\ud800"))
        assert.isUndefined(yield* byToken("x".repeat(10_000)))
      })
    )

    it.effect("tokens match exactly", () =>
      Effect.gen(function* () {
        yield* (yield* Projects).put(project({ id: 105, apiToken: "phc_Case" }))
        assert.isUndefined(yield* byToken("phc_case"))
        assert.isUndefined(yield* byToken("phc_Case "))
      })
    )

    it.effect("a token that was refused is honoured 10 s after its project was made", () =>
      Effect.gen(function* () {
        assert.isUndefined(yield* byToken("phc_late"))
        yield* (yield* Projects).put(project({ id: 106, apiToken: "phc_late" }))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* byToken("phc_late"))?.id, 106)
      })
    )

    it.effect("a changed setting is effective after two and a half minutes", () =>
      Effect.gen(function* () {
        const projects = yield* Projects
        yield* projects.put(project({ id: 107, apiToken: "phc_107" }))
        assert.isFalse((yield* byToken("phc_107"))?.anonymizeIps)
        yield* projects.put(project({ id: 107, apiToken: "phc_107", anonymizeIps: true }))
        yield* TestClock.adjust("150 seconds")
        assert.isTrue((yield* byToken("phc_107"))?.anonymizeIps)
      })
    )

    it.effect("a look at the cache tells what the last query told", () =>
      Effect.gen(function* () {
        const store = yield* ProjectStore
        yield* (yield* Projects).put(project({ id: 108, apiToken: "phc_108" }))
        yield* store.byTokens(new Set(["phc_108", "phc_nope"]))
        assert.strictEqual(store.peek("phc_108")?.id, 108)
        assert.isNull(store.peek("phc_nope"))
        assert.isNull(store.peek("42"))
      })
    )

    it.effect("the first event of a project is noted in its row", () =>
      Effect.gen(function* () {
        const store = yield* ProjectStore
        const projects = yield* Projects
        yield* projects.put(project({ id: 109, apiToken: "phc_109" }))
        yield* projects.put(project({ id: 110, apiToken: "phc_110" }))
        yield* store.markIngested([])
        yield* store.markIngested([109, 109, 999_999])
        assert.isTrue(yield* projects.ingested(109))
        assert.isFalse(yield* projects.ingested(110))
      })
    )
  })
