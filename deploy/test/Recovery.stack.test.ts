/** The steps of docs/operating/recovery.md, rehearsed: after each restore all is as if nothing had been lost. */
import { randomBytes, randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as EngineProcess from "@tributary/embedded/engine/EngineProcess"
import * as Port from "@tributary/embedded/process/Port"
import { Effect, Redacted } from "effect"
import { Kafka, logLevel } from "kafkajs"
import { inject } from "vitest"
import { run } from "../../apps/standalone/test/support/Run.ts"
import { request } from "../../apps/standalone/test/support/Start.ts"
import * as Folder from "../../packages/embedded/test/support/Folder.ts"
import * as Session from "../../packages/embedded/test/support/Session.ts"
import * as TestDatabase from "../../packages/embedded/test/support/TestDatabase.ts"

const password = "secret"

/** Asks until the answer is what is waited for; what fails meanwhile is asked again. */
const eventually = <A, E>(self: Effect.Effect<A, E>, holds: (found: A) => boolean) =>
  self.pipe(
    Effect.catchDefect(() => Effect.undefined),
    Effect.orElseSucceed(() => undefined),
    Effect.delay("50 millis"),
    Effect.repeat({ until: (found) => found !== undefined && holds(found) })
  )

/** A copy of a database as of now; nobody may be connected to it. */
const copyOf = (url: string) =>
  Effect.gen(function* () {
    const name = `copy_${randomBytes(6).toString("hex")}`
    const admin = inject("postgresUrl")
    const copy = `CREATE DATABASE ${name} TEMPLATE ${new URL(url).pathname.slice(1)}`
    yield* Effect.acquireRelease(Session.eventually(Session.query(admin, copy)), () =>
      Effect.orDie(Session.query(admin, `DROP DATABASE ${name} WITH (FORCE)`))
    )
    return Object.assign(new URL(url), { pathname: `/${name}` }).href
  })

const world = Effect.gen(function* () {
  const brokers = [...inject("kafkaHosts")]
  const prefix = `${randomUUID()}.`
  const group = `recovery-${randomUUID()}`
  const clickhouse = yield* EngineProcess.start({
    dataDir: yield* Folder.make,
    httpPort: 0,
    password: Redacted.make(password),
    output: "ignore"
  })
  const projects = yield* TestDatabase.make("projects")
  const [port, capturePort, workerPort] = yield* Effect.all([Port.take, Port.take, Port.take])
  const shared = {
    KAFKA_HOSTS: brokers.join(","),
    KAFKA_PREFIX: prefix,
    KAFKA_TOPIC_PARTITIONS: "2",
    DATABASE_URL: projects
  }
  const worker = (persons: string) =>
    run({
      app: "worker",
      environment: {
        ...shared,
        PERSONS_DATABASE_URL: persons,
        INGESTION_CONSUMER_GROUP_ID: group,
        HEALTH_PORT: String(workerPort),
        CLICKHOUSE_URL: `http://127.0.0.1:${clickhouse.addresses.writePort}`,
        CLICKHOUSE_PASSWORD: password
      }
    })
  const ready = (healthPort: number) =>
    eventually(request(`http://127.0.0.1:${healthPort}/_readiness`), ({ status }) => status === 200)
  const ask = (sql: string) =>
    Effect.map(
      request(`${clickhouse.readUrl}/`, `${sql} FORMAT JSONCompactEachRow`),
      ({ text }): ReadonlyArray<ReadonlyArray<unknown>> =>
        text
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line))
    )
  const command = (sql: string) =>
    Effect.promise(async () => {
      const headers = { "X-ClickHouse-User": "default", "X-ClickHouse-Key": password }
      const reply = await fetch(`http://127.0.0.1:${clickhouse.addresses.writePort}/`, {
        ...{ method: "POST", body: sql, headers }
      })
      if (!reply.ok) throw new Error(await reply.text())
    })
  const admin = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const made = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin()
      await made.connect()
      return made
    }),
    (made) => Effect.promise(() => made.disconnect())
  )
  yield* Effect.gen(function* () {
    const first = yield* worker(projects)
    yield* ready(workerPort)
    yield* first.kill("SIGTERM")
  }).pipe(Effect.scoped)
  yield* Session.query(projects, "INSERT INTO posthog_team (project_id, api_token) VALUES (1, 'phc_local')")
  yield* run({
    app: "capture",
    environment: { ...shared, HOST: "127.0.0.1", PORT: String(port), HEALTH_PORT: String(capturePort) }
  })
  yield* ready(capturePort)
  const send = (...batch: ReadonlyArray<object>) =>
    Effect.map(
      request(`http://127.0.0.1:${port}/batch/`, JSON.stringify({ api_key: "phc_local", batch })),
      ({ status }) => assert.strictEqual(status, 200)
    )
  return { admin, ask, command, prefix, ready: ready(workerPort), send, worker }
})

type World = Effect.Success<typeof world>

const seen = (from: number, to: number, round: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    ...{ event: `round ${round}`, distinct_id: `p${from + i}`, properties: { $set: { round } } }
  }))

/** Changes, newcomers, and a merge after which one of two people is gone. */
const second = [
  ...seen(5, 15, 2),
  { event: "$create_alias", distinct_id: "p0", properties: { alias: "p1" } },
  { event: "last", distinct_id: "p0" }
]

/** Each person with its names: of PostgreSQL, and of ClickHouse. */
const people = (database: string) =>
  Effect.map(
    Session.query(
      database,
      `SELECT p.uuid::text AS id, p.version::int AS version, p.properties->>'round' AS round,
         string_agg(d.distinct_id, ',' ORDER BY d.distinct_id) AS names
       FROM posthog_person p JOIN posthog_persondistinctid d ON d.person_id = p.id GROUP BY 1, 2, 3 ORDER BY 1`
    ),
    (rows) => rows.map((row) => Object.values(row as object))
  )
const copies = ({ ask }: World) =>
  ask(
    `SELECT toString(p.id) AS id, toInt32(p.version) AS version, JSONExtractRaw(p.properties, 'round') AS round,
       arrayStringConcat(arraySort(groupArray(d.distinct_id)), ',') AS names
     FROM tributary.current_person AS p JOIN tributary.current_distinct_id AS d ON d.person_id = p.id GROUP BY 1, 2, 3 ORDER BY 1`
  )
const events = ({ ask }: World) => ask("SELECT event, distinct_id FROM tributary.events_deduplicated ORDER BY 1, 2")

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

/** Waits until so many events are in, and ClickHouse's people are PostgreSQL's; answers with both. */
const drained = (here: World, persons: string, count: number) =>
  Effect.gen(function* () {
    yield* eventually(events(here), (all) => all.length === count)
    yield* eventually(Effect.all([people(persons), copies(here)]), ([ours, theirs]) => same(ours, theirs))
    return { events: yield* events(here), people: yield* people(persons) }
  })

/** Runs a worker until `until` is through. */
const working = <A, E, R>(here: World, persons: string, until: Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const running = yield* here.worker(persons)
      yield* here.ready
      const found = yield* until
      assert.strictEqual((yield* running.kill("SIGTERM")).code, 0)
      return found
    })
  )

/** As `> T` compares: a row of the second of T was there at T. */
const nextSecond = Effect.map(
  eventually(
    Effect.sync(() => Date.now()),
    (now) => now % 1000 < 200
  ),
  () => Math.floor(Date.now() / 1000) - 1
)

describe("docs/operating/recovery.md", { timeout: 180_000 }, () => {
  it.live("after restoring an older PostgreSQL what was done since is done again, once, and ClickHouse agrees", () =>
    Effect.gen(function* () {
      const here = yield* world
      const persons = yield* TestDatabase.make("persons")
      yield* working(here, persons, Effect.andThen(here.send(...seen(0, 10, 1)), drained(here, persons, 10)))
      const restored = yield* copyOf(persons)
      const T = yield* nextSecond
      const lost = yield* working(here, persons, Effect.andThen(here.send(...second), drained(here, persons, 22)))
      assert.lengthOf(lost.people, 14)
      assert.lengthOf(yield* people(restored), 10)

      // Workers are stopped. Step 2, and step 3.
      for (const table of ["person", "person_distinct_id2", "person_distinct_id_overrides", "groups"]) {
        yield* here.command(`DELETE FROM tributary.${table} WHERE _timestamp > toDateTime(${T})`)
      }
      const positions = yield* Session.query(
        restored,
        `SELECT consumer_group, topic, partition, next_offset::text AS "next" FROM tributary_progress`
      )
      let moved = 0
      for (const row of positions as ReadonlyArray<Record<string, string | number>>) {
        const { consumer_group: groupId, next, partition, topic } = row
        const partitions = [{ partition: Number(partition), offset: String(next) }]
        yield* Effect.promise(() =>
          here.admin.setOffsets({ groupId: String(groupId), topic: String(topic), partitions })
        )
        moved++
      }
      assert.isAtLeast(moved, 2)

      const found = yield* working(
        here,
        restored,
        Effect.andThen(
          eventually(people(restored), (all) => all.length === lost.people.length),
          drained(here, restored, 22)
        )
      )
      assert.deepStrictEqual(found.events, lost.events)
      const withoutVersion = (all: ReadonlyArray<ReadonlyArray<unknown>>) => all.map(([id, , ...rest]) => [id, ...rest])
      assert.deepStrictEqual(withoutVersion(found.people), withoutVersion(lost.people))
    })
  )

  it.live(
    "after restoring an older ClickHouse what Kafka still holds comes again, and collapses with what is there",
    () =>
      Effect.gen(function* () {
        const here = yield* world
        const persons = yield* TestDatabase.make("persons")
        yield* working(here, persons, Effect.andThen(here.send(...seen(0, 10, 1)), drained(here, persons, 10)))
        const T = yield* nextSecond
        const lost = yield* working(here, persons, Effect.andThen(here.send(...second), drained(here, persons, 22)))

        // Workers are stopped; Kafka tables are dropped; then ClickHouse is as of T.
        const tables = yield* here.ask(
          "SELECT name FROM system.tables WHERE database = 'tributary' AND engine = 'Kafka'"
        )
        assert.lengthOf(tables, 9)
        for (const [name] of tables) yield* here.command(`DROP TABLE tributary.${name}`)
        for (const table of ["events", "person", "person_distinct_id2", "person_distinct_id_overrides"]) {
          yield* here.command(`DELETE FROM tributary.${table} WHERE _timestamp > toDateTime(${T})`)
        }
        assert.lengthOf(yield* events(here), 10)
        // A little before T; a reader's place in its group is free when its session has ended.
        for (const name of ["events_json", "person", "person_distinct_id", "groups"]) {
          const topic = `${here.prefix}clickhouse_${name}`
          const back = Effect.tryPromise(async () => {
            const partitions = await here.admin.fetchTopicOffsetsByTimestamp(topic, (T - 30) * 1000)
            await here.admin.setOffsets({ groupId: `clickhouse-${topic}`, topic, partitions })
            return true
          })
          yield* eventually(back, (done) => done)
        }
        const found = yield* working(here, persons, drained(here, persons, 22))
        assert.deepStrictEqual(found, lost)
      })
  )
})
