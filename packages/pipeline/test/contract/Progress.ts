/** What every layer of `Progress` promises. */
import { assert, layer } from "@effect/vitest"
import type { Assignment } from "@tributary/pipeline/service/EventLog"
import { Progress } from "@tributary/pipeline/service/Progress"
import { Effect, type Layer } from "effect"

let used = 0
/** A group of its own for each test: the layer is shared. */
const aGroup = () => `group-${used++}`

const topic = "events_plugin_ingestion"

const assignment = (partial: Partial<Omit<Assignment, "end">> & { readonly end?: bigint }): Assignment => ({
  topic,
  partition: 0,
  topicId: "id-1",
  begin: 0n,
  committed: undefined,
  ...partial,
  end: Effect.succeed(partial.end ?? 100n)
})

const assigned = (group: string, partial: Parameters<typeof assignment>[0]) =>
  Effect.gen(function* () {
    const progress = yield* Progress
    const [mark] = yield* progress.assigned(group, [assignment(partial)])
    return mark!
  })

/** Moves the row of partition 0 as a sink would. */
const moveTo = (group: string, start: bigint, end: bigint) =>
  Effect.gen(function* () {
    const progress = yield* Progress
    const seen = yield* progress.read(group, { topic, partition: 0 })
    return yield* progress.begin({ group, topic, partition: 0, seen: seen!, start, end })
  })

export const progressContract = (name: string, implementation: Layer.Layer<Progress, unknown>) =>
  layer(implementation, { excludeTestServices: true })(`Progress: ${name}`, (it) => {
    it.effect("a partition that was never seen begins at 0, and is known from then on", () =>
      Effect.gen(function* () {
        const group = aGroup()
        assert.deepStrictEqual(yield* assigned(group, {}), {
          topic,
          partition: 0,
          topicId: "id-1",
          nextOffset: 0n,
          pendingEnd: undefined,
          finding: "new"
        })
        assert.strictEqual((yield* assigned(group, {})).finding, "unchanged")
      })
    )

    it.effect("a missing row begins at the committed offset of its group, unless the log ends below", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* assigned(aGroup(), { committed: 42n })).nextOffset, 42n)
        assert.strictEqual((yield* assigned(aGroup(), { committed: 142n })).nextOffset, 0n)
      })
    )

    it.effect("partitions are told apart, and answered in the order given", () =>
      Effect.gen(function* () {
        const progress = yield* Progress
        const group = aGroup()
        const marks = yield* progress.assigned(group, [
          assignment({ partition: 3, committed: 3n }),
          assignment({ partition: 1, committed: 1n })
        ])
        assert.deepStrictEqual(
          marks.map((mark) => [mark.partition, mark.nextOffset]),
          [
            [3, 3n],
            [1, 1n]
          ]
        )
      })
    )

    it.effect("another topic id means that the topic was made anew: the row goes to 0", () =>
      Effect.gen(function* () {
        const group = aGroup()
        yield* assigned(group, { committed: 50n })
        const mark = yield* assigned(group, { topicId: "id-2" })
        assert.deepStrictEqual([mark.finding, mark.nextOffset, mark.topicId], ["topic made anew", 0n, "id-2"])
        assert.strictEqual((yield* assigned(group, { topicId: "id-2" })).finding, "unchanged")
      })
    )

    it.effect("the same topic that ends below the row was cut: the row goes to its end", () =>
      Effect.gen(function* () {
        const group = aGroup()
        yield* assigned(group, { committed: 50n })
        const mark = yield* assigned(group, { end: 30n })
        assert.deepStrictEqual([mark.finding, mark.nextOffset], ["log was cut", 30n])
      })
    )

    it.effect("without an id to compare, a log that ends below the row counts as made anew", () =>
      Effect.gen(function* () {
        const group = aGroup()
        yield* assigned(group, { committed: 50n, topicId: undefined })
        assert.strictEqual((yield* assigned(group, { topicId: undefined })).finding, "unchanged")
        const mark = yield* assigned(group, { topicId: undefined, end: 30n })
        assert.deepStrictEqual([mark.finding, mark.nextOffset], ["topic made anew", 0n])
      })
    )

    it.effect("a row without an id takes the one that is found, and stays where it is", () =>
      Effect.gen(function* () {
        const group = aGroup()
        yield* assigned(group, { committed: 50n, topicId: undefined })
        const mark = yield* assigned(group, { topicId: "id-1" })
        assert.deepStrictEqual([mark.finding, mark.nextOffset, mark.topicId], ["unchanged", 50n, "id-1"])
        assert.strictEqual((yield* assigned(group, { topicId: "id-2" })).finding, "topic made anew")
      })
    )

    it.effect("the log's end is read after the row", () =>
      Effect.gen(function* () {
        const progress = yield* Progress
        const group = aGroup()
        yield* assigned(group, { committed: 10n, end: 10n })
        // The log grows to 20 and a batch raises the row to 20 while the assignment is being looked at.
        const raised = Effect.as(Effect.orDie(moveTo(group, 20n, 20n)), 20n)
        const [mark] = yield* progress.assigned(group, [
          { ...assignment({}), end: Effect.provideService(raised, Progress, progress) }
        ])
        assert.strictEqual(mark?.finding, "unchanged")
      })
    )

    it.effect("a sink's bounds are stored only over the row as it saw it", () =>
      Effect.gen(function* () {
        const progress = yield* Progress
        const group = aGroup()
        const seen = yield* assigned(group, {})
        const range = { group, topic, partition: 0, start: 0n, end: 10n }
        assert.isTrue(yield* progress.begin({ ...range, seen }))
        assert.isFalse(yield* progress.begin({ ...range, seen, end: 12n }))
        const mark = yield* progress.read(group, { topic, partition: 0 })
        assert.deepStrictEqual([mark?.nextOffset, mark?.pendingEnd], [0n, 10n])
        assert.isTrue(yield* progress.begin({ ...range, seen: mark!, start: 10n, end: 20n }))
      })
    )

    it.effect("bounds outlive an assignment, but not a row that is moved", () =>
      Effect.gen(function* () {
        const group = aGroup()
        yield* assigned(group, {})
        yield* moveTo(group, 5n, 10n)
        assert.strictEqual((yield* assigned(group, {})).pendingEnd, 10n)
        assert.strictEqual((yield* assigned(group, { end: 3n })).pendingEnd, undefined)
      })
    )

    it.effect("a row that nobody made is not there", () =>
      Effect.gen(function* () {
        const progress = yield* Progress
        assert.isUndefined(yield* progress.read(aGroup(), { topic, partition: 0 }))
      })
    )
  })
