/** Capture as a layer, for the program of its own and for whatever runs it together with others. */
import type { Settings } from "@tributary/pipeline/capture/Settings"
import { CaptureServer, type ServerSettings } from "@tributary/runtime-node/http/CaptureServer"
import { HealthServer, type Settings as HealthSettings } from "@tributary/runtime-node/http/HealthServer"
import * as Layer from "effect/Layer"

export interface AppSettings {
  readonly server: ServerSettings
  readonly capture: Settings
  /** Undefined where somebody else tells of the program's health. */
  readonly health: HealthSettings | undefined
}

/** Opens the door, and serves as long as its scope lasts. Health is served first and last, so that it can tell that capture is draining. */
export const layer = ({ capture, health, server }: AppSettings) =>
  CaptureServer.layerBehindDoor(server, capture).pipe(
    Layer.provide(health === undefined ? Layer.empty : HealthServer.layer(health))
  )
