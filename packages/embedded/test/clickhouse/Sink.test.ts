/** The sink with a real engine behind it. */
import { assert, layer } from "@effect/vitest"
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import { Health } from "@tributary/pipeline/service/Health"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import * as ProgressMemory from "@tributary/pipeline/service/memory/ProgressMemory"
import * as Sink from "@tributary/pipeline/sink/Sink"
import { targets } from "@tributary/pipeline/sink/Tables"
import { Effect, Layer, References } from "effect"
import { live, makeWorld } from "../../../pipeline/test/sink/support.ts"
import { engine, rows } from "./support.ts"

const timestamp = new Date().toISOString().slice(0, 23).replace("T", " ")
const uuid = "018f0000-0000-7000-8000-00000000000a"

const count = (table: string, where: string) =>
  Effect.map(rows(`SELECT count() AS n FROM tributary.${table} WHERE ${where}`), ([row]) => Number(row?.["n"]))

layer(engine, { excludeTestServices: true })("the sink on the engine", (it) => {
  it.effect("counts each message once, whichever step it dies at", () =>
    Effect.gen(function* () {
      const real = Layer.succeed(ClickHouseSink, yield* ClickHouseSink)
      let team = 1000
      // Tokens are of the topic's id, which is another one in each history.
      const history = (id: number) => {
        const metric = (name: string, amount: number | string = 1) =>
          `{"team_id":${id},"timestamp":"${timestamp}","metric_name":"${name}","count":${amount}}`
        const world = makeWorld("app_metrics2", [
          [metric("a"), metric("refused", 1.5), metric("c")],
          ["garbage", metric("e")]
        ])
        world.topic.id = `topic-${id}`
        return world
      }
      const sums = (id: number) =>
        rows(
          `SELECT metric_name AS name, toString(sum(count)) AS n FROM tributary.app_metrics2 WHERE team_id = ${id}
           GROUP BY name ORDER BY name`
        )
      const once = ["a", "c", "e"].map((name) => ({ name, n: "1" }))
      const died = Effect.die("the process was killed")
      const steps = yield* live(history(++team), { cuts: [3] }, real)
      assert.deepStrictEqual(yield* sums(team), once)
      for (let at = 1; at <= steps; at++) {
        const world = history(++team)
        yield* live(world, { cuts: [3], after: (step) => (step === at ? died : Effect.void) }, real)
        yield* live(world, { cuts: [2, 4] }, real)
        assert.deepStrictEqual(yield* sums(team), once, `died after step ${at}`)
      }
      assert.strictEqual(yield* count("kafka_errors FINAL", "topic = 'clickhouse_app_metrics2'"), 2)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.effect("fills every table from its topic, and keeps what a table does not take", () =>
    Effect.gen(function* () {
      const log = EventLogMemory.make()
      const messages: Readonly<Record<string, object>> = {
        events: { uuid, event: "e", team_id: 1, timestamp, distinct_id: "d", person_mode: "full" },
        person: { id: uuid, team_id: 1, version: 1 },
        person_distinct_id2: { team_id: 1, distinct_id: "d", person_id: uuid, version: 1, is_deleted: 0 },
        groups: { team_id: 1, group_type_index: 0, group_key: "acme", version: 1 },
        ingestion_warnings: { team_id: 1, type: "w", source: "plugin-server", details: "{}", timestamp },
        app_metrics2: { team_id: 1, metric_name: "m", count: 1, timestamp },
        log_entries: { team_id: 1, message: "m", timestamp },
        heatmaps: { team_id: 1, x: 1, timestamp }
      }
      const bad = '{"team_id":"not a number"}'
      for (const { topic, table } of targets) {
        const send = (value: string | Uint8Array) =>
          log.send([{ topic: `dev_${topic}`, key: "k", value, headers: [["token", "phc_1"]] }])
        const message = messages[table]
        yield* send(message === undefined ? "any bytes" : JSON.stringify(message))
        yield* send(bad)
      }
      const stored = Effect.forEach(targets, ({ table }) => count(table, "team_id IN (0, 1)"))
      const everything = targets.map(({ table }) => (table === "dead_letters" ? 2 : 1))
      const run = Sink.run({ topicPrefix: "dev_", groupPrefix: "clickhouse-", flushMs: 1 }).pipe(
        Effect.andThen(stored),
        Effect.repeat({ until: (counts) => counts.join() === everything.join() }),
        Effect.andThen(
          count("kafka_errors", "startsWith(topic, 'dev_')").pipe(Effect.repeat({ until: (n) => n === 8 }))
        ),
        Effect.scoped,
        Effect.provide(
          Layer.mergeAll(EventLogMemory.layer(log), ProgressMemory.layer(ProgressMemory.makeTables()), Health.layer)
        )
      )
      yield* run
      assert.strictEqual(yield* count("person_distinct_id_overrides", "team_id = 1"), 1)
      for (const { topic } of targets) {
        const committed = [0, 1, 2, 3].map((at) => log.committed(`clickhouse-dev_${topic}`, `dev_${topic}`, at) ?? 0n)
        assert.strictEqual(
          committed.reduce((sum, offset) => sum + offset, 0n),
          2n,
          topic
        )
      }
      const [error] = yield* rows("SELECT raw, error FROM tributary.kafka_errors WHERE topic = 'dev_clickhouse_person'")
      assert.strictEqual(error?.["raw"], bad)
      assert.match(String(error?.["error"]), /^Code: \d+/)
    })
  )

  it.effect("takes a backfill of many more months than an insert may hold by default", () =>
    Effect.gen(function* () {
      const real = Layer.succeed(ClickHouseSink, yield* ClickHouseSink)
      const months = Array.from({ length: 120 }, (_, i) => {
        const day = new Date(Date.UTC(2005, i, 15)).toISOString().slice(0, 10)
        return JSON.stringify({ uuid, event: day, team_id: 2, timestamp: `${day} 12:00:00.000` })
      })
      yield* live(makeWorld("events", [months]), { cuts: [500] }, real)
      assert.strictEqual(yield* count("events", "team_id = 2"), 120)
    })
  )
})
