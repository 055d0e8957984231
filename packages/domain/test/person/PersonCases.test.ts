/** The conformance cases of spec worker 8.3: people are created and updated. Named by their ids. */
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as Transaction from "@tributary/pipeline/service/memory/PersonTransaction"
import { aProject, E, event, minutes, T0 } from "./support/Events.ts"
import { shown, World } from "./support/World.ts"

const U = (distinctId: string) => Uuid.personUuid(1, distinctId)

describe("a person is born", () => {
  it("C01 with the event's time, version 0, and one message of each kind", () => {
    const world = new World()
    const ran = world.batch(E("u"))
    assert.deepStrictEqual(world.people(), ["P(u) v0 {} u@0"])
    assert.deepStrictEqual(world.told(ran.messages), ["PM u v0", "DM u→u v0"])
    assert.deepStrictEqual(world.overrides(), [])
    const person = ran.stored[0]!.person
    assert.deepStrictEqual(person, {
      uuid: U("u"),
      properties: { $creator_event_uuid: ran.stored[0]!.uuid },
      createdAt: T0,
      mode: "full"
    })
    assert.strictEqual(world.person("u")?.lastSeenAt, T0)
  })

  it("C02 with $set before $set_once, and with the bookkeeping of the creating event", () => {
    const world = new World()
    world.batch(E("u", { once: { a: 1, b: 2 }, set: { b: 3, c: 4 } }))
    const row = world.tables.persons.get(`1:${U("u")}`)
    assert.deepStrictEqual(world.properties("u"), { a: 1, b: 3, c: 4 })
    assert.deepStrictEqual(row?.lastOperation, { a: "set_once", b: "set", c: "set" })
    const time = "2024-05-01T10:00:00.000Z"
    assert.deepStrictEqual(row?.lastUpdatedAt, { a: time, b: time, c: time })
  })

  it("C04 with the event's uuid as creator, whatever the client says", () => {
    const world = new World()
    const ran = world.batch(E("u", { set: { $creator_event_uuid: "fake" } }))
    const row = world.tables.persons.get(`1:${U("u")}`)
    assert.strictEqual(world.person("u")?.properties["$creator_event_uuid"], ran.stored[0]!.uuid)
    assert.deepStrictEqual(row?.lastOperation, {})
  })

  it("C05 once: who finds the person born meanwhile updates it", () => {
    const world = new World()
    const late = world.append(E("u", { set: { b: 4 }, once: { c: 9, e: 5 } }), 1)
    const { fold } = world.batchOf([late])
    fold(world.snapshot([late]))
    world.batch(E("u", { set: { b: 1, c: 2 } }))
    world.deliver([late])
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"b":4,"c":2,"e":5} u@0`])
  })

  it("C05 and a transaction whose person exists by its commit is a conflict that leaves nothing", () => {
    const world = new World()
    const late = world.append(E("u", { set: { b: 4 } }), 1)
    const { fold, work } = world.batchOf([late])
    const stale = fold(world.snapshot([late]))
    world.batch(E("u", { set: { b: 1 } }))
    assert.throws(() => Transaction.transact(world.tables, work, () => stale), /exists/)
    assert.deepStrictEqual(world.people(), [`P(u) v0 {"b":1} u@0`])
  })

  it("C32 in each team for itself", () => {
    const world = new World()
    world.batch(E("u"), E("u", {}, { project: aProject(2) }))
    assert.deepStrictEqual([world.people(1), world.people(2)], [["P(u) v0 {} u@0"], ["P(u) v0 {} u@0"]])
    assert.notStrictEqual(world.person("u", 1)?.uuid, world.person("u", 2)?.uuid)
  })

  it("C39 once each, when fifty events of ten people share a batch", () => {
    const world = new World()
    world.batch(...Array.from({ length: 50 }, (_, i) => E(`u${i % 10}`)))
    assert.strictEqual(world.tables.persons.size, 10)
    assert.strictEqual(world.tables.mappings.size, 10)
    for (const person of world.tables.persons.values()) assert.strictEqual(person.version, 0)
  })

  it("C41 and changed in the same batch: one row with the final properties and the first event's bookkeeping", () => {
    const world = new World()
    const ran = world.batch(
      E("u", { set: { a: 1 } }),
      E("u", { set: { a: 2, b: 3 }, unset: ["c"] }, { timestamp: T0 + minutes(5) })
    )
    assert.deepStrictEqual(world.people(), [`P(u) v0 {"a":2,"b":3} u@0`])
    const row = world.tables.persons.get(`1:${U("u")}`)
    assert.deepStrictEqual(row?.lastOperation, { a: "set" })
    assert.strictEqual(row?.createdAt, T0)
    assert.deepStrictEqual(ran.stored.map(shown), [{ a: 1 }, { a: 2, b: 3 }])
    assert.strictEqual(world.person("u")?.properties["$creator_event_uuid"], ran.stored[0]!.uuid)
    assert.deepStrictEqual(world.told(ran.messages), ["PM u v0", "DM u→u v0"])
  })
})

describe("a person is updated", () => {
  it("C06 with one rise of the version; the bookkeeping stays the creation's", () => {
    const world = new World()
    world.batch(E("u"))
    const ran = world.batch(E("u", { set: { a: 1 } }))
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"a":1} u@0`])
    assert.deepStrictEqual(world.told(ran.messages), ["PM u v1"])
    assert.deepStrictEqual(world.tables.persons.get(`1:${U("u")}`)?.lastOperation, {})
  })

  const three = [E("u", { set: { a: 1 } }), E("u", { set: { b: 2 } }), E("u", { set: { a: 3 } })]

  it("C07 once a batch; each event shows the person as it left it", () => {
    const world = new World()
    world.batch(E("u"))
    const ran = world.batch(...three)
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"a":3,"b":2} u@0`])
    assert.deepStrictEqual(world.told(ran.messages), ["PM u v1"])
    assert.deepStrictEqual(ran.stored.map(shown), [{ a: 1 }, { a: 1, b: 2 }, { a: 3, b: 2 }])
  })

  it("C08 three times in three batches", () => {
    const world = new World()
    world.batch(E("u"))
    const ran = world.each(...three)
    assert.deepStrictEqual(world.people(), [`P(u) v3 {"a":3,"b":2} u@0`])
    assert.deepStrictEqual(world.told(ran.messages), ["PM u v1", "PM u v2", "PM u v3"])
  })

  /** Properties that the person has, the event's changes, properties afterwards, and the version when it began at 0. */
  const rows: ReadonlyArray<readonly [string, object, Readonly<Record<string, unknown>>, object, number]> = [
    ["C09 not by the same scalar again", { a: 1 }, { set: { a: 1 } }, { a: 1 }, 0],
    ["C10 not by $set_once of a key that is there", { a: 1 }, { once: { a: 2 } }, { a: 1 }, 0],
    ["C11 by $set rather than $set_once", {}, { once: { a: 1 }, set: { a: 2 } }, { a: 2 }, 1],
    ["C12 by $set_once of a key that holds null", { a: null }, { once: { a: 5 } }, { a: 5 }, 1],
    ["C13 not by $set_once of null on null", { a: null }, { once: { a: null } }, { a: null }, 0],
    ["C14 by $unset, whose odd entries count for nothing", { a: 1, b: 2 }, { unset: ["a", "zzz", 7] }, { b: 2 }, 1],
    ["C15 by $unset as an object", { a: 1, b: 2 }, { unset: { a: "whatever" } }, { b: 2 }, 1],
    ["C16 not by what it sets and unsets at once", {}, { set: { a: 1 }, unset: ["a"] }, {}, 0],
    ["C21 by a filtered key that is new", {}, { $browser: "X" }, { $browser: "X", $initial_browser: "X" }, 1],
    [
      "C22 with a filtered key beside one that is not",
      { $geoip_latitude: 1, $geoip_country_name: "A" },
      { set: { $geoip_latitude: 2, $geoip_country_name: "B" } },
      { $geoip_latitude: 2, $geoip_country_name: "B" },
      1
    ],
    [
      "C23 not by a filtered key alone",
      { $geoip_latitude: 1 },
      { set: { $geoip_latitude: 2 } },
      { $geoip_latitude: 1 },
      0
    ],
    [
      "C24 by a campaign; the first value stays",
      { utm_source: "a", $initial_utm_source: "a" },
      { utm_source: "b" },
      { utm_source: "b", $initial_utm_source: "a" },
      1
    ],
    [
      "C25 by $initial_… set outright",
      { $initial_current_url: 1 },
      { set: { $initial_current_url: 2 } },
      { $initial_current_url: 2 },
      1
    ],
    [
      "C29 with names that objects are born with",
      {},
      { once: { toString: "t", constructor: "c" } },
      { toString: "t", constructor: "c" },
      1
    ],
    [
      "beyond the cases: with the name __proto__",
      {},
      { set: JSON.parse('{"__proto__":{"x":1}}') },
      JSON.parse('{"__proto__":{"x":1}}'),
      1
    ],
    [
      "beyond the cases: $set of null wins over $set_once",
      { a: null },
      { once: { a: 5 }, set: { a: null } },
      { a: null },
      0
    ],
    ["beyond the cases: not by a $set that is a text", {}, { set: "abc", once: ["x"] }, {}, 0]
  ]
  for (const [name, given, said, expected, version] of rows) {
    it(name, () => {
      const world = new World()
      world.batch(E("u", { set: given }))
      const ran = world.batch(E("u", said))
      assert.deepStrictEqual(world.properties("u"), expected)
      assert.strictEqual(world.person("u")?.version, version)
      assert.strictEqual(ran.messages.length, version)
      assert.strictEqual(ran.stored.length, 1)
    })
  }

  it("C10 the event shows the value that stays", () => {
    const world = new World()
    world.batch(E("u", { set: { a: 1 } }))
    assert.deepStrictEqual(world.batch(E("u", { once: { a: 2 } })).stored.map(shown), [{ a: 1 }])
  })

  it("C16 the event shows what it set, though the person never had it", () => {
    const world = new World()
    world.batch(E("u"))
    assert.deepStrictEqual(world.batch(E("u", { set: { a: 1 }, unset: ["a"] })).stored.map(shown), [{ a: 1 }])
  })

  it("C27 by an object each time it is set, but once a batch", () => {
    const set = () => E("u", { set: { o: { x: 1 } } })
    const apart = new World()
    apart.each(set(), set(), set())
    assert.strictEqual(apart.person("u")?.version, 2)
    const together = new World()
    together.batch(set())
    together.batch(set(), set())
    assert.strictEqual(together.person("u")?.version, 1)
  })

  it("C28 never by an $exception, which creates a person without its $set", () => {
    const world = new World()
    world.batch(E("u", { set: { a: 1 } }))
    const known = world.batch(event("$exception", "u", { set: { a: 2 } }))
    const unknown = world.batch(event("$exception", "v", { set: { a: 2 } }))
    assert.deepStrictEqual(world.people(), [`P(u) v0 {"a":1} u@0`, "P(v) v0 {} v@0"])
    assert.deepStrictEqual([...known.stored, ...unknown.stored].map(shown), [{ a: 2 }, { a: 2 }])
    assert.deepStrictEqual(world.tables.persons.get(`1:${U("v")}`)?.lastOperation, {})
  })

  it("C33 to the same end however the batches are cut", () => {
    const events = [
      E("u", { set: { p: "1a", q: "1b" }, once: { r: "1c", w: "1d" } }),
      E("u", { set: { q: "2b" }, once: { r: "2c", p: "2a" } }),
      E("u", { set: { r: "3c" } }),
      E("u", { once: { q: "4b", z: "4e", w: "4d" } })
    ]
    for (let cuts = 0; cuts < 8; cuts++) {
      const world = new World()
      let batch: typeof events = []
      events.forEach((next, i) => {
        batch.push(next)
        if (i === 3 || (cuts & (1 << i)) !== 0) {
          world.batch(...batch)
          batch = []
        }
      })
      assert.deepStrictEqual(world.properties("u"), { p: "1a", q: "2b", r: "3c", w: "1d", z: "4e" })
    }
  })

  it("C40 by two workers, neither of whom erases the other's key", () => {
    const world = new World()
    world.batch(E("u"))
    const one = world.append(E("u", { set: { a: 1 } }), 1)
    const two = world.append(E("u", { set: { b: 2 } }), 2)
    world.deliver([one])
    world.deliver([two])
    assert.deepStrictEqual(world.people(), [`P(u) v2 {"a":1,"b":2} u@0`])
  })
})

describe("filtered properties", () => {
  const given = { set: { $current_url: 1, $initial_current_url: 1 } }
  const start = (settings = {}) => {
    const world = new World({ settings })
    world.batch(E("u", given))
    return world
  }

  it("C17 alone write nothing; the event shows them", () => {
    const world = start()
    const ran = world.batch(E("u", { $current_url: 2 }))
    assert.deepStrictEqual(world.people(), [`P(u) v0 {"$current_url":1,"$initial_current_url":1} u@0`])
    assert.deepStrictEqual(ran.messages, [])
    assert.strictEqual(shown(ran.stored[0]!)["$current_url"], 2)
  })

  it("C18 are written by a $set event", () => {
    const world = start()
    world.batch(event("$set", "u", { $current_url: 2 }))
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"$current_url":2,"$initial_current_url":1} u@0`])
  })

  it("C19 are written with another change of the same batch", () => {
    const world = start()
    const ran = world.batch(E("u", { $current_url: 2 }), E("u", { set: { plan: "x" } }))
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"$current_url":2,"$initial_current_url":1,"plan":"x"} u@0`])
    assert.deepStrictEqual(ran.stored.map(shown), [
      { $current_url: 2, $initial_current_url: 1 },
      { $current_url: 2, $initial_current_url: 1, plan: "x" }
    ])
  })

  it("C20 are lost when the other change is in a later batch", () => {
    const world = start()
    world.each(E("u", { $current_url: 2 }), E("u", { set: { plan: "x" } }))
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"$current_url":1,"$initial_current_url":1,"plan":"x"} u@0`])
  })

  it("C26 are written always with PERSON_PROPERTIES_UPDATE_ALL", () => {
    const world = start({ updateAll: true })
    world.batch(E("u", { $current_url: 2 }))
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"$current_url":2,"$initial_current_url":1} u@0`])
  })

  it("D27 are written by an $identify without a partner, which identifies nobody", () => {
    const world = start()
    world.batch(event("$identify", "u", { $current_url: 2 }))
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"$current_url":2,"$initial_current_url":1} u@0`])
  })
})

describe("last seen", () => {
  const project = aProject(1, { lastSeenEnabled: true })
  const at = (minute: number, said = {}) => E("u", said, { project, timestamp: T0 + minutes(minute) })

  it("C30 rises by the hour, and never falls", () => {
    const world = new World()
    world.batch(at(0))
    assert.deepStrictEqual(world.batch(at(59)).messages, [])
    assert.deepStrictEqual(world.told(world.batch(at(61)).messages), ["PM u v1"])
    assert.deepStrictEqual(world.batch(at(-60)).messages, [])
    assert.strictEqual(world.person("u")?.lastSeenAt, T0 + minutes(60))
  })

  it("C31 stays when the event asks for it", () => {
    const world = new World()
    world.batch(at(0))
    assert.deepStrictEqual(world.batch(at(120, { $update_person_last_seen_at: false })).messages, [])
    assert.strictEqual(world.person("u")?.lastSeenAt, T0)
  })

  it("stays where the project has not enabled it", () => {
    const world = new World()
    world.batch(E("u"))
    assert.deepStrictEqual(world.batch(E("u", {}, { timestamp: T0 + minutes(120) })).messages, [])
  })
})
