/** Where programs listen (INTERFACE): `HOST` and `PORT`, `HEALTH_PORT`, and PostHog's names for them. */
import * as Config from "effect/Config"
import type { Settings as HealthSettings } from "../http/HealthServer.ts"
import { optional, parsed, port } from "./Parsed.ts"

const addressOf = (text: string): { readonly host: string; readonly port: number } | undefined => {
  const [, host, port] = /^(\[[0-9a-f:]+\]|[^:[\]]+):(\d{1,5})$/i.exec(text.trim()) ?? []
  return host === undefined || Number(port) > 65_535
    ? undefined
    : { host: host.replace(/^\[|\]$/g, ""), port: Number(port) }
}

const names = {
  host: optional(Config.String("HOST")),
  both: optional(parsed("ADDRESS", addressOf, "an address and a port, such as 0.0.0.0:8000"))
}

/** `HOST` and `PORT`, or `ADDRESS` for both. */
export const address = (defaultHost: string) =>
  Config.map(Config.all({ ...names, port: optional(port("PORT")) }), ({ both, host, port }) => ({
    host: host ?? both?.host ?? defaultHost,
    port: port ?? both?.port ?? 8000
  }))

/** Where health and metrics are told: `HEALTH_PORT`, or `HTTP_SERVER_PORT`, on `HOST`. */
export const health = ({ host }: { readonly host: string }): Config.Config<HealthSettings> =>
  Config.map(
    Config.all({
      ...names,
      port: optional(port("HEALTH_PORT")),
      alias: Config.withDefault(port("HTTP_SERVER_PORT"), 8001)
    }),
    ({ alias, both, host: given, port }) => ({ host: given ?? both?.host ?? host, port: port ?? alias })
  )
