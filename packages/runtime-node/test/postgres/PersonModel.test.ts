/**
 * Random histories with the domain's fold (guides postgres 2): 2 to 8 workers, crashes, redeliveries, paused owners, killed
 * connections, deletions and a sweeper. `HISTORIES=500 SEED=1` runs more, from a seed; the timing is the machine's.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, type Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import * as Migrations from "../../src/postgres/Migrations.ts"
import * as PersonStore from "../../src/postgres/PersonStore.ts"
import { check } from "./model/Check.ts"
import * as Log from "./model/Log.ts"
import { run } from "./model/Run.ts"
import * as TestDatabase from "./TestDatabase.ts"

const histories = Number(process.env["HISTORIES"] ?? 10)
const firstSeed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1_000_000))

/** Now and then a batch stops in the middle, its locks held, or between its outbox rows and its commit. */
const stumble = [
  `CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     IF random() < TG_ARGV[0]::float8 THEN PERFORM pg_sleep(random() * 0.02); END IF; RETURN NEW; END $$`,
  "CREATE TRIGGER stumble BEFORE UPDATE ON tributary_progress FOR EACH ROW EXECUTE FUNCTION stumble(0.1)",
  `CREATE CONSTRAINT TRIGGER stumble AFTER INSERT ON tributary_outbox DEFERRABLE INITIALLY DEFERRED
     FOR EACH ROW EXECUTE FUNCTION stumble(0.01)`
]

const safePool = (url: Redacted.Redacted) =>
  PgClient.make({ url, maxConnections: 4, applicationName: "safe" }).pipe(Effect.provide(Reactivity.layer))

it.live(
  `${histories} random histories from seed ${firstSeed} equal a serial one, and ClickHouse equals PostgreSQL`,
  () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      const safe = yield* safePool(url)
      yield* Effect.provideService(Migrations.persons, PersonsDatabase, safe)
      for (const statement of stumble) yield* safe.unsafe(statement).unprepared
      const store = PersonStore.layer.pipe(Layer.provide(TestDatabase.pools(url, 16)))
      yield* Effect.gen(function* () {
        for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
          const random = Log.chance(seed)
          const log = Log.draw(1 + seed - firstSeed, random)
          const history = yield* run({ log, random, safe, workers: 2 + random.int(7) })
          yield* check(safe, history, random).pipe(
            Effect.tapDefect(() => Effect.logError(`the history of seed ${seed} is wrong`))
          )
        }
      }).pipe(Effect.provide(store))
      // The sessions are gone, so their counters are in.
      const [row] = yield* safe<{ n: bigint }>`
        SELECT deadlocks AS n FROM pg_stat_database WHERE datname = current_database()`
      assert.strictEqual(row?.n, 0n, "no deadlock")
    }),
  60_000 + histories * 10_000
)
