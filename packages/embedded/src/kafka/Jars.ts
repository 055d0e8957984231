/**
 * Apache Kafka's jars, fetched with Maven as pom.xml names them: once, into a folder named by version that all brokers of
 * this checkout share (45 jars, 43 MB). Where they lie already neither Maven nor a network is needed.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { isAlive } from "../Alive.ts"
import * as Once from "../process/Once.ts"
import { StartError, systemReason } from "../StartError.ts"

const pom = fileURLToPath(new URL("./pom.xml", import.meta.url))

/** Of the broker. */
export const version = (): string => /<kafka\.version>([^<]+)</.exec(readFileSync(pom, "utf8"))?.[1] ?? "unknown"

/** `.cache/tributary` in the nearest `node_modules`: it goes with the checkout, and outlives every DATA_DIR. */
export const defaultCache = (): string => {
  let folder = dirname(pom)
  while (!existsSync(join(folder, "node_modules")) && dirname(folder) !== folder) folder = dirname(folder)
  return join(folder, "node_modules", ".cache", "tributary")
}

/** The folder of the jars. `neededBy` begins the line that says what is missing. */
export const ensure = (cache: string, neededBy: string): Effect.Effect<string, StartError> =>
  Effect.gen(function* () {
    const name = `kafka-${version()}`
    const folder = join(cache, name)
    if (existsSync(folder)) return folder
    // Renamed when all is there: the folder is whole or absent, whoever else fetches at the same time.
    const fresh = join(cache, `${name}.new-${process.pid}-${randomBytes(4).toString("hex")}`)
    yield* attempt(cache, async () => {
      await mkdir(cache, { recursive: true })
      for (const left of leftovers(cache)) await rm(join(cache, left), { recursive: true, force: true })
    })
    yield* fetch(fresh, neededBy)
    yield* attempt(cache, async () => {
      await rename(fresh, folder).catch(async (cause: unknown) => {
        await rm(fresh, { recursive: true, force: true })
        if (!existsSync(folder)) throw cause
      })
    })
    return folder
  })

const fetch = (folder: string, neededBy: string): Effect.Effect<void, StartError> =>
  Effect.gen(function* () {
    yield* Effect.logInfo(`Fetching Apache Kafka ${version()} with Maven (43 MB, once) …`)
    const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${folder}`]
    const { code, output } = yield* Once.run("mvn", ["-q", "-B", "-ntp", "-f", pom, ...goal])
    if (code === 0) return
    if (code === "ENOENT") {
      const message = `${neededBy} needs Maven to fetch Apache Kafka, and mvn is not to be found: install maven.`
      return yield* new StartError({ message })
    }
    const reason = /^\[ERROR\] *(.+?)(?: -> \[Help.*)?$/m.exec(output)?.[1] ?? `it ended with ${code}`
    return yield* new StartError({ message: `Maven could not fetch Apache Kafka ${version()}: ${reason}` })
  })

/** What fetches left that were killed. */
const leftovers = (cache: string): ReadonlyArray<string> =>
  readdirSync(cache).filter((name) => {
    const pid = /\.new-(\d+)-/.exec(name)?.[1]
    return pid !== undefined && !isAlive(Number(pid))
  })

const attempt = <A>(folder: string, run: () => Promise<A>): Effect.Effect<A, StartError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new StartError({ message: `The folder ${folder} cannot be used: ${systemReason(cause)}` })
  })
