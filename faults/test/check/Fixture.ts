/** A small load and what is stored of it when all is well; tests then spoil one thing. */
import type { Stored, StoredPerson } from "../../src/check/Stored.ts"
import { firstKey, type LoadEvent, turnKey } from "../../src/load/LoadEvent.ts"

const turn = (distinctId: string, turn: number, more: Partial<LoadEvent> = {}): LoadEvent => ({
  uuid: `${distinctId} ${turn}`,
  distinctId,
  event: "$pageview",
  properties: {},
  turn,
  isPersonless: false,
  ...more
})

/** Ann, at first anonymous, is identified; bob stays alone; a visitor leaves no person; ann's company grows. */
export const acknowledged: ReadonlyArray<LoadEvent> = [
  turn("anonymous", 0),
  turn("bob", 0),
  turn("anonymous", 1),
  turn("ann", 0, { event: "$identify", partner: "anonymous" }),
  turn("anonymous", 2),
  turn("bob", 1),
  { uuid: "visit", distinctId: "visitor", event: "$pageview", properties: {}, isPersonless: true },
  {
    uuid: "group",
    distinctId: "ann",
    event: "$groupidentify",
    properties: {},
    group: { type: "company", key: "c", size: 3 },
    isPersonless: false
  }
]

const annsPerson: StoredPerson = {
  uuid: "person of ann",
  properties: {
    [firstKey("anonymous")]: 0,
    [turnKey("anonymous", 1)]: 1,
    [turnKey("anonymous", 2)]: 2,
    [firstKey("ann")]: 0,
    [turnKey("ann", 0)]: 0
  },
  version: 3,
  isIdentified: true,
  createdAt: 1_790_000_000
}

const bobsPerson: StoredPerson = {
  uuid: "person of bob",
  properties: { [firstKey("bob")]: 0, [turnKey("bob", 0)]: 0, [turnKey("bob", 1)]: 1 },
  version: 1,
  isIdentified: false,
  createdAt: 1_790_000_001
}

const people = {
  persons: [annsPerson, bobsPerson],
  mappings: [
    { distinctId: "anonymous", person: "person of ann", version: 1 },
    { distinctId: "ann", person: "person of ann", version: 0 },
    { distinctId: "bob", person: "person of bob", version: 0 }
  ],
  groups: [{ index: 0, key: "c", properties: { size: 3 }, version: 2, createdAt: 1_790_000_002 }]
}

/** Each event is stored once, and shows the person as it was then. */
export const stored: Stored = {
  log: [["anonymous 0", "anonymous 1", "anonymous 2", "visit"], ["bob 0", "ann 0", "bob 1", "group"], []],
  events: acknowledged.map(({ distinctId, isPersonless, turn, uuid }) => ({
    uuid,
    distinctId,
    person: `person of ${distinctId}`,
    mode: isPersonless ? "propertyless" : "full",
    personProperties:
      turn === undefined
        ? {}
        : { [turnKey(distinctId, turn)]: turn, ...(turn > 0 ? { [turnKey(distinctId, turn - 1)]: turn - 1 } : {}) }
  })),
  deadLetters: [],
  unreadable: [],
  postgres: people,
  clickhouse: people,
  overrides: [{ distinctId: "anonymous", person: "person of ann", version: 1 }],
  groupTypes: new Map([["company", 0]])
}
