/** What every layer of `GroupTypes` promises. */
import { assert, layer } from "@effect/vitest"
import { GroupTypes } from "@tributary/pipeline/service/GroupTypes"
import { Effect, type Layer } from "effect"

let used = 1_000
/** A project of its own for each test: the layer is shared. */
const aProject = () => {
  const id = used++
  return { id, projectId: id }
}

const timestamp = Date.UTC(2026, 0, 1)

const resolve = (project: { readonly id: number; readonly projectId: number }, ...groupTypes: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const types = yield* GroupTypes
    const indexOf = yield* types.resolve(groupTypes.map((groupType) => ({ project, groupType, timestamp })))
    return groupTypes.map((groupType) => indexOf(project.projectId, groupType))
  })

export const groupTypesContract = (name: string, implementation: Layer.Layer<GroupTypes, unknown>) =>
  layer(implementation, { excludeTestServices: true })(`GroupTypes: ${name}`, (it) => {
    it.effect("new types get the indexes 0 to 4 in the order in which they are named", () =>
      Effect.gen(function* () {
        const project = aProject()
        assert.deepStrictEqual(yield* resolve(project, "company", "team", "company"), [0, 1, 0])
        assert.deepStrictEqual(yield* resolve(project, "seat", "team", "a", "b"), [2, 1, 3, 4])
      })
    )

    it.effect("a sixth type has no index, and takes none away", () =>
      Effect.gen(function* () {
        const project = aProject()
        const named = ["a", "b", "c", "d", "e", "f"]
        assert.deepStrictEqual(yield* resolve(project, ...named), [0, 1, 2, 3, 4, undefined])
        assert.deepStrictEqual(yield* resolve(project, "f", "e"), [undefined, 4])
      })
    )

    it.effect("environments of one project share its types, other projects have their own", () =>
      Effect.gen(function* () {
        const project = aProject()
        const environment = { ...aProject(), projectId: project.projectId }
        yield* resolve(project, "company", "team")
        assert.deepStrictEqual(yield* resolve(environment, "team"), [1])
        assert.deepStrictEqual(yield* resolve(aProject(), "team"), [0])
      })
    )

    it.effect(
      "names are data: __proto__, the empty one, the longest that a column holds; a longer one is no type",
      () =>
        Effect.gen(function* () {
          const project = aProject()
          const named = ["__proto__", "constructor", "", "☃".repeat(400), "x".repeat(401)]
          assert.deepStrictEqual(yield* resolve(project, ...named), [0, 1, 2, 3, undefined])
        })
    )

    it.effect("who asks for nothing gets nothing, and knows no other project", () =>
      Effect.gen(function* () {
        const types = yield* GroupTypes
        const indexOf = yield* types.resolve([])
        assert.isUndefined(indexOf(1, "company"))
      })
    )

    it.effect("those who register at once agree, without a gap", () =>
      Effect.gen(function* () {
        const project = aProject()
        const named = ["a", "b", "c", "d", "e", "f", "g"]
        const answers = yield* Effect.forEach(
          named,
          (_, i) => {
            const turned = [...named.slice(i), ...named.slice(0, i)]
            return Effect.map(
              resolve(project, ...turned),
              (indexes) => new Map(turned.map((groupType, k) => [groupType, indexes[k]]))
            )
          },
          { concurrency: "unbounded" }
        )
        const [first, ...others] = answers
        for (const other of others) {
          for (const groupType of named) assert.strictEqual(other.get(groupType), first!.get(groupType))
        }
        const taken = [...first!.values()].filter((index) => index !== undefined)
        assert.deepStrictEqual(taken.toSorted(), [0, 1, 2, 3, 4])
      })
    )
  })
