/** What the programs make of an environment, and which of its variables they ask for: told by their own settings. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Capture from "@tributary/app-capture/Config"
import * as Standalone from "@tributary/app-standalone/Config"
import * as Worker from "@tributary/app-worker/Config"
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
const ofEvery = namesIn(sources("packages/runtime-node/src/process"))

/** Every name that some program reads, `…_FILE` for secrets and certificates too. */
export const known: ReadonlySet<string> = new Set(
  [...namesIn(["apps", "packages/runtime-node/src", "packages/embedded/src"].map(sources).join("\n"))].flatMap(
    (name) => [name, `${name}_FILE`]
  )
)

/** What the programs read when they start. */
export const programs = { capture: Capture.settings, worker: Worker.settings, standalone: Standalone.settings }

/** Reads settings from this environment alone; `unasked` are the variables that mean nothing to them. */
export const read = <A>(settings: Config.Config<A>, environment: Environment) =>
  Effect.gen(function* () {
    const asked = new Set(ofEvery)
    const given = ConfigProvider.fromEnvRecord(environment)
    const recording = ConfigProvider.make((path) => {
      asked.add(path.join("_"))
      return given.load(path)
    })
    return {
      settings: yield* settings.parse(recording),
      unasked: Object.keys(environment).filter((name) => !asked.has(name))
    }
  })
