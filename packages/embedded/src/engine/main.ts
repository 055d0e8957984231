/** The `engine` program. */
import "../clickhouse/threads.ts"
import * as Program from "@tributary/runtime-node/process/Program"
import * as Effect from "effect/Effect"
import type { Addresses } from "./EngineProcess.ts"
import * as EngineServer from "./EngineServer.ts"
import { settings } from "./Settings.ts"

const announce = (addresses: Addresses) =>
  Effect.andThen(
    Effect.logInfo("the ClickHouse engine is ready", addresses),
    Effect.sync(() => void process.send?.(addresses))
  )

/** Who started this holds the other end of the channel; when that is gone, nobody would ever stop this process. */
const abandoned = Effect.callback<void>((resume) => {
  if (process.send === undefined) return
  process.once("disconnect", () => resume(Effect.logWarning("whoever started the ClickHouse engine is gone")))
})

Program.run(Effect.flatMap(settings, (read) => Effect.raceFirst(EngineServer.run(read, announce), abandoned)))
