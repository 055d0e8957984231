/** People that a project has had for a while: made by sets, in seconds. */

import * as Uuid from "@tributary/domain/event/Uuid"
import { PersonsDatabase } from "@tributary/runtime-node/postgres/Database"
import * as Effect from "effect/Effect"
import { deviceOf } from "../Events.ts"
import { World } from "../World.ts"

/** How many there are, numbered from 0. */
export const count = 100_000

export const distinctIdOf = (person: number): string => `user-${person}`

/** As an event would have left them: what is lifted, with its first values, and some of their own. */
const propertiesOf = (person: number): string => {
  const device = deviceOf(person)
  const first = Object.entries(device).map(([name, value]) => [`$initial_${name.replace("$", "")}`, value] as const)
  return JSON.stringify({
    email: `${distinctIdOf(person)}@example.com`,
    name: `Person ${person}`,
    plan: "free",
    logins: 0,
    ...device,
    $current_url: "https://shop.example.com/",
    $pathname: "/",
    $referrer: "$direct",
    $referring_domain: "$direct",
    ...Object.fromEntries(first),
    $initial_current_url: "https://shop.example.com/",
    $initial_pathname: "/",
    $initial_referrer: "$direct",
    $initial_referring_domain: "$direct"
  })
}

const insert = `
WITH x AS (SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[]) AS x(uuid, did, props)),
     p AS (INSERT INTO posthog_person (team_id, uuid, created_at, properties, version)
           SELECT $1, x.uuid, now(), x.props::jsonb, 0 FROM x RETURNING id, uuid)
INSERT INTO posthog_persondistinctid (team_id, distinct_id, person_id, version)
SELECT $1, x.did, p.id, 0 FROM x JOIN p USING (uuid)`

const slice = 5_000

/** Replaces all people by new ones. */
export const make = Effect.gen(function* () {
  const { team } = yield* World
  const sql = yield* PersonsDatabase
  yield* sql.unsafe(
    "TRUNCATE posthog_person, posthog_persondistinctid, posthog_cohortpeople, posthog_featureflaghashkeyoverride"
  )
  for (let first = 0; first < count; first += slice) {
    const persons = Array.from({ length: slice }, (_, i) => first + i)
    yield* sql.unsafe(insert, [
      team,
      persons.map((person) => Uuid.personUuid(team, distinctIdOf(person))),
      persons.map(distinctIdOf),
      persons.map(propertiesOf)
    ])
  }
  yield* sql.unsafe("ANALYZE posthog_person, posthog_persondistinctid")
})

/** How many people there are now. */
export const number = Effect.gen(function* () {
  const sql = yield* PersonsDatabase
  const [row] = yield* sql.unsafe<{ readonly n: number }>("SELECT count(*)::int AS n FROM posthog_person")
  return row?.n ?? 0
})
