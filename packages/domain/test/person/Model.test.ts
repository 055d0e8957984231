/** The fold against the reference model (spec worker 9.1), which processes one event at a time. */
import { assert, describe, it } from "@effect/vitest"
import { everything, type History, histories, run, runs } from "./support/Histories.ts"
import { Model } from "./support/Model.ts"
import { type World, withoutCreator } from "./support/World.ts"

const modelOf = (world: World, history: History): Model => {
  const model = new Model()
  let next = 0
  for (const { deletion, ops } of history.batches()) {
    for (const _ of ops) model.process(world.log[next++]!)
    if (deletion !== undefined) model.delete(deletion.team, deletion.distinctId)
  }
  return model
}

const teams = [1, 2]

/** Without row versions and filtered properties, which depend on how batches are cut. */
const loosely = (world: World, team: number) =>
  world.people(team).map((line) => {
    const [, before = "", json = "", after = ""] = /^(.*?)(\{.*\})(.*)$/.exec(line) ?? []
    const { $browser: _, ...rest } = withoutCreator(json)
    return before.replace(/ v\d+/, "") + JSON.stringify(rest) + after
  })

const createdAt = (world: World): ReadonlyMap<string, number | undefined> =>
  new Map(
    [...world.tables.mappings.values()].map(({ distinctId, team }) => [
      `${team}:${distinctId}`,
      world.person(distinctId, team)?.createdAt
    ])
  )

const groups = (world: World) =>
  new Map(
    [...world.tables.groups].map(([key, { json, version }]) => [
      key,
      { version, properties: new Map(Object.entries(JSON.parse(json))) }
    ])
  )

describe("the fold", () => {
  it.prop(
    "does to people and groups what the model does, one event at a time: versions, properties, births and warnings",
    { history: histories([...everything, "delete"]) },
    ({ history }) => {
      const { ran, world } = run(history, { cuts: "one by one" })
      const model = modelOf(world, history)
      for (const team of teams) assert.deepStrictEqual(world.people(team), model.people(team))
      assert.deepStrictEqual(createdAt(world), model.createdAt())
      assert.deepStrictEqual(
        ran.warnings.map(({ type }) => type),
        model.warnings
      )
      assert.deepStrictEqual(groups(world), model.groups)
    },
    runs(600)
  )

  it.prop(
    "P34 of a batch comes to what the model makes of its events, row versions and filtered properties apart",
    { history: histories() },
    ({ history }) => {
      const { ran, world } = run(history)
      const model = modelOf(world, history)
      for (const team of teams) assert.deepStrictEqual(loosely(world, team), model.people(team, { loose: true }))
      assert.deepStrictEqual(createdAt(world), model.createdAt())
      assert.deepStrictEqual(
        ran.warnings.map(({ type }) => type),
        model.warnings
      )
    },
    runs(600)
  )
})
