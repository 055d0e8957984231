/** What the programs make of an environment, and which of its variables they ask for: told by their own settings. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Capture from "@tributary/app-capture/Config"
import * as Stack from "@tributary/app-stack/Config"
import * as Standalone from "@tributary/app-standalone/Config"
import * as Worker from "@tributary/app-worker/Config"
import * as Engine from "@tributary/embedded/engine/Settings"
import * as Ignored from "@tributary/runtime-node/config/Ignored"
import { type Config, ConfigProvider, Effect } from "effect"

export type Environment = Readonly<Record<string, string>>

const root = join(import.meta.dirname, "../../..")

export const sources = (place: string): string =>
  readdirSync(join(root, place), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(root, place, name), "utf8"))
    .join("\n")

/** Names in capitals that stand in a source as a text of their own. */
const namesIn = (source: string): ReadonlySet<string> =>
  new Set([...source.matchAll(/"([A-Z][A-Z\d]*(?:_[A-Z\d]+)*)"/g)].map(([, name = ""]) => name))

/** What every program reads on its way to its settings: log and telemetry. */
export const ofEvery = namesIn(sources("packages/runtime-node/src/process"))

/** Every name that some program reads, `…_FILE` for secrets and certificates too. */
export const known: ReadonlySet<string> = new Set(
  [...namesIn(["apps", "packages/runtime-node/src", "packages/embedded/src"].map(sources).join("\n"))]
    // Some names stand in the sources only to be told of.
    .filter((name) => Ignored.kindOf(name) === undefined)
    .flatMap((name) => [name, `${name}_FILE`])
)

/** What the programs read when they start. */
export const programs = { capture: Capture.settings, worker: Worker.settings, standalone: Standalone.settings }

/** And those that are started by hand alone. */
export const all = { ...programs, stack: Stack.settings, engine: Engine.settings }

/** An environment that notes in `asked` what it is asked for. */
const recording = (environment: Environment, asked: Set<string>): ConfigProvider.ConfigProvider => {
  const given = ConfigProvider.fromEnvRecord(environment)
  return ConfigProvider.make((path) => {
    asked.add(path.join("_"))
    return given.load(path)
  })
}

/** Reads settings from this environment alone; `unasked` are the variables that mean nothing to them. */
export const read = <A>(settings: Config.Config<A>, environment: Environment) =>
  Effect.gen(function* () {
    const asked = new Set(ofEvery)
    return {
      settings: yield* settings.parse(recording(environment, asked)),
      unasked: Object.keys(environment).filter((name) => !asked.has(name))
    }
  })

const embedded = { DATABASE_URL: "postgres://db/x", CLICKHOUSE_URL: "http://ch:8123", CLICKHOUSE_PASSWORD: "p" }

/** Enough for every program to start. */
export const enough: Environment = { ...embedded, KAFKA_HOSTS: "kafka:9092" }

const login = { KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USER: "u", KAFKA_SASL_PASSWORD: "p" }

/** The ways to the log: Kafka without a login, with one, and PostgreSQL. */
const ways: ReadonlyArray<Environment> = [
  enough,
  { ...enough, ...login, KAFKA_SECURITY_PROTOCOL: "SASL_SSL" },
  embedded
]

/** Every name that settings ask for, whichever way is taken. */
export const namesOf = <A>(settings: Config.Config<A>): Effect.Effect<ReadonlySet<string>> =>
  Effect.gen(function* () {
    const asked = new Set<string>()
    for (const environment of ways) {
      yield* Effect.result(settings.parse(recording(environment, asked)))
    }
    return asked
  })
