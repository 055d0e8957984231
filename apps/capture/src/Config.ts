/** The settings of capture: names and defaults of INTERFACE.md and spec capture 6.2. */
import * as Topics from "@tributary/domain/row/Topics"
import { defaults, type Settings } from "@tributary/pipeline/capture/Settings"
import { poolSize } from "@tributary/runtime-node/config/Common"
import { laneTopics, prefix, topic } from "@tributary/runtime-node/config/LaneTopics"
import { address, health } from "@tributary/runtime-node/config/Listen"
import { bytes, duration, optional, parsed, postgresUrl, whole } from "@tributary/runtime-node/config/Parsed"
import { type ServerSettings, defaults as serverDefaults } from "@tributary/runtime-node/http/CaptureServer"
import { parseTrusted } from "@tributary/runtime-node/http/ClientAddress"
import * as Kafka from "@tributary/runtime-node/kafka/Settings"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"

const milliseconds = (name: string) => optional(whole(name, { min: 1, max: 3_600_000 }))

/** Where and how capture listens. */
export const server = ({ host }: { readonly host: string }): Config.Config<ServerSettings> =>
  Config.map(
    Config.all({
      address: address(host),
      maxBodyBytes: Config.withDefault(bytes("MAX_BODY", { min: 1, max: 1e9 }), serverDefaults.maxBodyBytes),
      trustedProxies: Config.withDefault(
        parsed(
          "TRUSTED_PROXIES",
          parseTrusted,
          "private, none, or a comma list of addresses and ranges such as 10.0.0.0/8"
        ),
        serverDefaults.trustedProxies
      ),
      concurrencyLimit: optional(whole("CONCURRENCY_LIMIT", { min: 1, max: 1e6 })),
      headerReadTimeoutMs: milliseconds("HTTP1_HEADER_READ_TIMEOUT_MS"),
      bodyChunkReadTimeoutMs: milliseconds("BODY_CHUNK_READ_TIMEOUT_MS")
    }),
    ({ address, ...settings }) => ({ ...serverDefaults, ...address, ...settings })
  )

/** Texts above 512 MB are more than the JavaScript engine can hold. */
const maxInflated = 500_000_000

/** An event must fit into the topics, which take 8 MB. */
const maxEvent = 8 * 1024 * 1024

/** A topic of its own for an event name, with prefix; without one the name goes the way of all others. */
const ownTopic = (name: string) =>
  Config.map(Config.all({ prefix, own: optional(topic(name)) }), ({ own, prefix }) =>
    own === undefined ? undefined : prefix + own
  )

/** Capture's rules. `CAPTURE_MODE` is read so that a mode that is not served ends the start. */
export const capture: Config.Config<Settings> = Config.map(
  Config.all({
    mode: Config.withDefault(Config.Literals(["events"], "CAPTURE_MODE"), "events" as const),
    prefix,
    lanes: laneTopics,
    exceptions: ownTopic("CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC"),
    heatmaps: ownTopic("CAPTURE_OUTPUT_HEATMAPS_TOPIC"),
    clientWarnings: ownTopic("CAPTURE_OUTPUT_CLIENT_WARNINGS_TOPIC"),
    tokenCheck: Config.withDefault(
      Config.Literals(["warn", "off", "reject"], "CAPTURE_TOKEN_CHECK"),
      defaults.tokenCheck
    ),
    maxInflatedBytes: Config.withDefault(
      bytes("MAX_INFLATED", { min: 1, max: maxInflated }),
      defaults.maxInflatedBytes
    ),
    maxEventBytes: Config.withDefault(bytes("MAX_EVENT", { min: 1, max: maxEvent }), defaults.maxEventBytes),
    reroutes: Config.withDefault(Config.Boolean("ENABLE_HISTORICAL_REROUTING"), false),
    reroutesAfterDays: Config.withDefault(whole("HISTORICAL_REROUTING_THRESHOLD_DAYS", { min: 1, max: 36_500 }), 1)
  }),
  ({ clientWarnings, exceptions, heatmaps, lanes, ...read }) => ({
    topics: { ...lanes, deadLetters: read.prefix + Topics.deadLetters, exceptions, heatmaps, clientWarnings },
    tokenCheck: read.tokenCheck,
    maxInflatedBytes: read.maxInflatedBytes,
    maxEventBytes: read.maxEventBytes,
    historicalAfterDays: read.reroutes ? read.reroutesAfterDays : undefined
  })
)

/** Capture as a program of its own. */
export const settings = Config.all({
  server: server({ host: "0.0.0.0" }),
  capture,
  kafka: Kafka.settings,
  health: health({ host: "0.0.0.0" }),
  databaseUrl: postgresUrl("DATABASE_URL"),
  poolSize: poolSize(),
  gatherMs: duration("CAPTURE_GATHER").pipe(Config.withDefault(Duration.millis(5)), Config.map(Duration.toMillis)),
  processes: whole("CAPTURE_PROCESSES", { min: 1, max: 256 }).pipe(Config.withDefault(1))
})

export type ProgramSettings = Config.Success<typeof settings>
