/** Short answers to what came of a batch. */
import { assert } from "@effect/vitest"
import * as World from "./IngestWorld.ts"

export const types = (ran: World.Ran) => ran.warnings.map(({ type }) => type)
export const names = (ran: World.Ran) => ran.events.map(({ distinctId, event }) => `${event} ${distinctId}`)
export const reasons = (ran: World.Ran) => ran.letters.map(({ reason }) => reason)

/** Neither event nor letter nor person. */
export const assertNothing = (ran: World.Ran, world: World.World) => {
  assert.deepStrictEqual([names(ran), reasons(ran), ran.told], [[], [], []])
  assert.strictEqual(world.tables.persons.size, 0)
}

/** The `$identify` of alice as an ordinary personless event. */
export const assertPersonlessIdentify = (ran: World.Ran, world: World.World) => {
  const [event] = ran.events
  assert.deepStrictEqual(
    [event?.event, event?.mode, event?.personId, event?.properties["$process_person_profile"]],
    ["$identify", "propertyless", World.personUuid("alice"), false]
  )
  assert.isFalse(Object.hasOwn(event?.properties ?? {}, "$set"))
  assert.deepStrictEqual([types(ran), ran.told, world.tables.mappings.size], [[], [], 0])
}
