/**
 * The embedded ClickHouse engine as a small server (guides clickhouse 8): this process holds the folder, serves reads on one
 * loopback port and writes on another. It stands in for a ClickHouse server where there is none; a crash of the engine ends
 * neither capture nor a worker.
 *
 * The folder `DATA_DIR` is not locked as a whole, because whoever starts this may hold the lock; the engine locks its own.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Engine from "../clickhouse/Engine.ts"
import * as Front from "../clickhouse/Front.ts"
import * as WriteFront from "../clickhouse/WriteFront.ts"
import * as Platform from "../Platform.ts"
import type { Addresses } from "./EngineProcess.ts"
import type { Settings } from "./Settings.ts"

/** Serves until it is interrupted. `ready` is told where, once both ports listen. */
export const run = (
  { database, dataDir, kafkaTls, password, port, writePort }: Settings,
  ready: (addresses: Addresses) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    yield* Platform.check
    // Readers need it before anybody has made tables.
    const made = Layer.effectDiscard(
      Engine.Engine.use(({ write }) => write(`CREATE DATABASE IF NOT EXISTS ${database}`))
    )
    const world = yield* Layer.build(
      Layer.merge(Front.layer({ port }), WriteFront.layer({ port: writePort, password })).pipe(
        Layer.provide(made),
        Layer.provide(Engine.layer({ folder: join(dataDir, "clickhouse"), database, kafkaTls }))
      )
    )
    const { url } = yield* Effect.provide(Front.Front, world)
    const write = yield* Effect.provide(WriteFront.WriteFront, world)
    yield* ready({ readPort: Number(new URL(url).port), writePort: write.port })
    return yield* Effect.never
  })
