/** The sink over HTTP while its ClickHouse dies under it. */
import { assert, describe, it } from "@effect/vitest"
import { Health } from "@tributary/pipeline/service/Health"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import * as ProgressMemory from "@tributary/pipeline/service/memory/ProgressMemory"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import * as Ingest from "@tributary/runtime-node/clickhouse/Ingest"
import { Effect, Layer, References } from "effect"
import * as EngineProcess from "../../src/engine/EngineProcess.ts"
import { http, restartable } from "./support.ts"

const timestamp = new Date().toISOString().slice(0, 23).replace("T", " ")
const metric = (name: string) => `{"team_id":1,"timestamp":"${timestamp}","metric_name":"${name}","count":1}`
const warning = (n: number) => `{"team_id":1,"type":"${n}","source":"s","details":"{}","timestamp":"${timestamp}"}`

const ingest: Ingest.Options = {
  ...{ database: "tributary", username: "default", ingest: "sink" },
  kafka: { brokers: "", topicPrefix: "", groupPrefix: "clickhouse-" }
}

const count = (sql: string) =>
  ClickHouseHttp.ClickHouseHttp.use(({ query }) => query(sql)).pipe(Effect.map(([row]) => Number(row?.["n"])))
const metrics = count("SELECT sum(count) AS n FROM tributary.app_metrics2")
const warnings = count("SELECT count() AS n FROM tributary.ingestion_warnings")

describe("the sink", () => {
  it.live("pauses while ClickHouse is away, also before it was ever there, and then stores everything once", () =>
    Effect.gen(function* () {
      const chosen = yield* restartable
      const first = yield* EngineProcess.start(chosen)
      const log = EventLogMemory.make()
      const restart = EngineProcess.start(chosen)
      const kill = (program: EngineProcess.EngineProcess) =>
        Effect.andThen(
          Effect.sync(() => program.kill("SIGKILL")),
          program.ended
        )
      let sent = 0
      const send = Effect.suspend(() => {
        const numbers = Array.from({ length: 50 }, () => sent++)
        return log.send(
          numbers.flatMap((n) => [
            { topic: "clickhouse_app_metrics2", key: `${n % 7}`, value: metric(`${n % 10}`), headers: [] },
            { topic: "clickhouse_ingestion_warnings", key: `${n % 7}`, value: warning(n), headers: [] }
          ])
        )
      })
      yield* kill(first)
      yield* Effect.gen(function* () {
        const health = yield* Health
        const away = health.troubles.pipe(
          Effect.delay("5 millis"),
          Effect.repeat({ until: (all) => all.some(({ engine }) => engine === "ClickHouse") })
        )
        const stored = Effect.all([metrics, warnings]).pipe(
          Effect.orElseSucceed(() => [0, 0]),
          Effect.delay("20 millis"),
          Effect.repeat({ until: (counts) => counts.every((n) => n >= sent) })
        )
        yield* Effect.forkScoped(Effect.orDie(Ingest.run(ingest)))
        yield* away
        let engine = yield* restart
        for (let round = 0; round < 3; round++) {
          // Later in each round: before, while and after the first inserts are made.
          yield* Effect.repeat(Effect.delay(send, "5 millis"), { times: 8 * round })
          yield* kill(engine)
          yield* send
          yield* away
          engine = yield* restart
          yield* stored
        }
        assert.deepStrictEqual(yield* Effect.all([metrics, warnings]), [sent, sent])
        assert.deepStrictEqual(yield* health.troubles, [])
      }).pipe(
        Effect.scoped,
        Effect.provide(
          ClickHouseHttp.layerSink("tributary").pipe(
            Layer.provideMerge(http(first)),
            Layer.provideMerge(
              Layer.mergeAll(EventLogMemory.layer(log), ProgressMemory.layer(ProgressMemory.makeTables()), Health.layer)
            )
          )
        )
      )
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
