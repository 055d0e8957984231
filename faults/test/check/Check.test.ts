/** The checks can fail: each test spoils one thing of a world in which all is well, and names what must be found. */
import { assert, describe, it } from "@effect/vitest"
import * as Check from "../../src/check/Check.ts"
import type { People, Stored, StoredEvent, StoredMapping, StoredPerson } from "../../src/check/Stored.ts"
import { firstKey, turnKey } from "../../src/load/LoadEvent.ts"
import { acknowledged, stored } from "./Fixture.ts"

const check = (spoiled: Partial<Stored> = {}): Check.Findings => Check.check(acknowledged, { ...stored, ...spoiled })

const found = (findings: ReadonlyArray<string>, ...patterns: ReadonlyArray<RegExp>): void => {
  assert.strictEqual(findings.length, patterns.length, findings.join("\n"))
  for (const [place, pattern] of patterns.entries()) assert.match(findings[place] ?? "", pattern)
}

const events = (uuid: string, change: Partial<StoredEvent>): Pick<Stored, "events"> => ({
  events: stored.events.map((event) => (event.uuid === uuid ? { ...event, ...change } : event))
})

const withMapping = (people: People, distinctId: string, change: Partial<StoredMapping>): People => ({
  ...people,
  mappings: people.mappings.map((mapping) => (mapping.distinctId === distinctId ? { ...mapping, ...change } : mapping))
})

const withPerson = (people: People, uuid: string, change: Partial<StoredPerson>): People => ({
  ...people,
  persons: people.persons.map((person) => (person.uuid === uuid ? { ...person, ...change } : person))
})

/** The same wrong thing in both databases: only the load tells that it is wrong. */
const both = (spoil: (people: People) => People): Pick<Stored, "postgres" | "clickhouse"> => ({
  postgres: spoil(stored.postgres),
  clickhouse: spoil(stored.clickhouse)
})

describe("when all is well", () => {
  it("nothing is found", () => {
    assert.deepStrictEqual(check(), { lost: [], differences: [], outOfOrder: [] })
  })

  it("an event that was sent twice and shows a later state is in order", () => {
    const twice = [["anonymous 0", "anonymous 1", "anonymous 1", "anonymous 2", "visit"], ...stored.log.slice(1)]
    const later = { [turnKey("anonymous", 1)]: 1, [turnKey("anonymous", 0)]: 2 }
    const { outOfOrder } = check({ log: twice, ...events("anonymous 1", { personProperties: later }) })
    assert.deepStrictEqual(outOfOrder, [])
  })
})

describe("lost", () => {
  it("counts an event that reached the log alone", () => {
    const { lost } = check({ events: stored.events.filter(({ uuid }) => uuid !== "visit") })
    found(lost, /visit of visitor is in the log, but not stored/)
  })

  it("counts an event that did not even reach the log", () => {
    const { lost } = check({
      events: stored.events.filter(({ uuid }) => uuid !== "bob 1"),
      log: stored.log.map((partition) => partition.filter((uuid) => uuid !== "bob 1"))
    })
    found(lost, /bob 1 of bob is not even in the log/)
  })

  it("does not count a dead letter, which is a difference", () => {
    const { differences, lost } = check({
      events: stored.events.filter(({ uuid }) => uuid !== "visit"),
      deadLetters: [{ uuid: "visit", reason: "invalid" }]
    })
    found(lost)
    found(differences, /visit is a dead letter: invalid/)
  })
})

describe("outcomes", () => {
  it("an event that nobody sent, and one that is there twice, are differences", () => {
    const [first] = stored.events
    const { differences } = check({ events: [...stored.events, { ...first!, uuid: "stranger" }, first!] })
    found(differences, /stranger is stored, but nobody sent it/, /anonymous 0 is stored twice/)
  })

  it("a message that no table took is a difference", () => {
    found(
      check({ unreadable: ["clickhouse_person: no number"] }).differences,
      /could not be inserted: clickhouse_person/
    )
  })
})

describe("PostgreSQL and ClickHouse", () => {
  const differences = (clickhouse: People, more: Partial<Stored> = {}) => check({ clickhouse, ...more }).differences

  it("differ by a stale person", () => {
    found(
      differences(withPerson(stored.clickhouse, "person of ann", { version: 2 })),
      /person person of ann is .*"version":2/
    )
  })

  it("differ by a property of the same version", () => {
    found(differences(withPerson(stored.clickhouse, "person of bob", { properties: {} })), /person person of bob is/)
  })

  it("differ by a stale mapping", () => {
    const stale = withMapping(stored.clickhouse, "anonymous", { person: "person of anonymous", version: 0 })
    found(differences(stale), /mapping anonymous is/)
  })

  it("differ by an override that was not passed on", () => {
    const found_ = differences(stored.clickhouse, { overrides: [] })
    assert.isTrue(found_.includes("override anonymous is missing in ClickHouse"))
  })

  it("differ by a person who was merged away and lives on in ClickHouse", () => {
    const ghost: StoredPerson = { ...stored.clickhouse.persons[1]!, uuid: "person of anonymous" }
    const haunted = { ...stored.clickhouse, persons: [...stored.clickhouse.persons, ghost] }
    found(differences(haunted), /person of anonymous is in ClickHouse, but not in PostgreSQL/)
  })

  it("differ by a group that is missing", () => {
    found(differences({ ...stored.clickhouse, groups: [] }), /group 0:c is missing in ClickHouse/)
  })
})

describe("the load and the databases", () => {
  it("differ by a merge that did not happen", () => {
    const apart = both((people) => withMapping(people, "anonymous", { person: "person of bob" }))
    const { differences } = check(apart)
    assert.isTrue(differences.includes("ann, anonymous are 2 people, not one"))
    assert.isTrue(differences.includes("ann and bob are one person, but nobody joined them"))
  })

  it("differ by a distinct id without a person", () => {
    const without = both((people) => ({
      ...people,
      mappings: people.mappings.filter(({ distinctId }) => distinctId !== "bob")
    }))
    const { differences } = check(without)
    assert.isTrue(differences.includes("bob has no person"))
    assert.isTrue(differences.includes("person person of bob has no distinct id of the load"))
  })

  it("differ by a person of a personless visitor", () => {
    const mapping = { distinctId: "visitor", person: "person of bob", version: 0 }
    const { differences } = check(both((people) => ({ ...people, mappings: [...people.mappings, mapping] })))
    found(differences, /visitor has a person, but no event asked for one/)
  })

  it("differ by an older value of the last turn", () => {
    const properties = { ...stored.postgres.persons[1]!.properties, [turnKey("bob", 1)]: undefined }
    const { differences } = check(both((people) => withPerson(people, "person of bob", { properties })))
    found(differences, /has "bob odd" undefined, not 1/)
  })

  it("differ by a value that was to be set once and was set again", () => {
    const properties = { ...stored.postgres.persons[1]!.properties, [firstKey("bob")]: 1 }
    const { differences } = check(both((people) => withPerson(people, "person of bob", { properties })))
    found(differences, /has "bob first" 1, not 0/)
  })

  it("differ by a person who was identified and is not", () => {
    const { differences } = check(both((people) => withPerson(people, "person of ann", { isIdentified: false })))
    found(differences, /person person of ann of ann is not identified/)
  })

  it("differ by an older value of a group", () => {
    const [group] = stored.postgres.groups
    const { differences } = check(both((people) => ({ ...people, groups: [{ ...group!, properties: { size: 2 } }] })))
    found(differences, /group 0:c has size 2, not 3/)
  })

  it("differ by an event that leads to somebody else", () => {
    const { differences } = check(events("bob 0", { person: "person of ann" }))
    found(differences, /bob 0 of bob leads to person person of ann, not to person of bob/)
  })

  it("differ by a personless event that is stored with a person", () => {
    found(check(events("visit", { mode: "full" })).differences, /visit of visitor is full/)
  })
})

describe("order", () => {
  it("is broken by two events that swapped places in the log", () => {
    const swapped = [["anonymous 0", "anonymous 2", "anonymous 1", "visit"], ...stored.log.slice(1)]
    found(check({ log: swapped }).outOfOrder, /anonymous 1 of anonymous is too late in the log/)
  })

  it("is kept by an event that a producer sent twice, one after the other", () => {
    const repeated = [["anonymous 0", "anonymous 1", "anonymous 1", "anonymous 2", "visit"], ...stored.log.slice(1)]
    assert.deepStrictEqual(check({ log: repeated }).outOfOrder, [])
  })

  it("is broken by an event that came again after a later one", () => {
    const late = [["anonymous 0", "anonymous 1", "anonymous 2", "anonymous 1", "visit"], ...stored.log.slice(1)]
    found(check({ log: late }).outOfOrder, /anonymous 1 of anonymous is too late in the log/)
  })

  it("is broken by an event that does not show the turn before it", () => {
    const { outOfOrder } = check(events("anonymous 2", { personProperties: { [turnKey("anonymous", 2)]: 2 } }))
    found(outOfOrder, /turn 2 of anonymous and shows undefined as the one before/)
  })

  it("is broken by an event that shows another turn than its own", () => {
    const personProperties = { [turnKey("bob", 1)]: 3, [turnKey("bob", 0)]: 0 }
    found(check(events("bob 1", { personProperties })).outOfOrder, /bob 1 is turn 1 of bob and shows 3/)
  })
})
