/** Capture as it runs in production: the real server with its real settings, on the log that is measured. */
import "effect/schema/SchemaJITCompiler/enable"
import * as CaptureSettings from "@tributary/pipeline/capture/Settings"
import { Health } from "@tributary/pipeline/service/Health"
import { CaptureServer, defaults } from "@tributary/runtime-node/http/CaptureServer"
import * as ProjectStore from "@tributary/runtime-node/postgres/ProjectStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Measured from "../process/Measured.ts"
import * as World from "../World.ts"

export interface Door {
  readonly port: number
}

Measured.run(
  Effect.gen(function* () {
    const settings = yield* World.settings
    const server = CaptureServer.layer({ ...defaults, host: "127.0.0.1", port: 0 }, CaptureSettings.defaults).pipe(
      Layer.provide(Layer.mergeAll(ProjectStore.layer, Health.layer)),
      Layer.provide(World.stores(settings))
    )
    const { port } = Context.get(yield* Layer.build(server), CaptureServer)
    return { port } satisfies Door
  })
)
