/** Which machines the embedded engines have builds for: Linux with glibc and macOS, on x64 and arm64. */
import * as Effect from "effect/Effect"
import { StartError } from "./StartError.ts"

export interface Machine {
  /** `process.platform` */
  readonly platform: string
  /** `process.arch` */
  readonly arch: string
  /** Version of glibc that Node runs on; undefined with another C library, such as musl. */
  readonly glibc: string | undefined
}

const builds: ReadonlySet<string> = new Set(["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"])

/** What the embedded engines lack on a machine, as one line; undefined when there is nothing. */
export const missing = ({ platform, arch, glibc }: Machine): string | undefined => {
  const instead = "Set DATABASE_URL and CLICKHOUSE_URL to servers of your own and run the apps"
  if (!builds.has(`${platform}-${arch}`)) {
    return `The embedded engines have no build for ${platform} ${arch}, only for Linux and macOS on x64 and arm64. ${instead}.`
  }
  if (platform === "linux" && glibc === undefined) {
    return `The embedded engines need Linux with glibc, and this system has another C library (Alpine's musl?). ${instead}.`
  }
  return undefined
}

const thisMachine = (): Machine => {
  // Without this a report looks up the names of all open connections.
  Object.assign(process.report, { excludeNetwork: true })
  const report: unknown = process.report.getReport()
  return { platform: process.platform, arch: process.arch, glibc: glibcOf(report) }
}

const glibcOf = (report: unknown): string | undefined => {
  if (typeof report !== "object" || report === null || !("header" in report)) return undefined
  const { header } = report
  if (typeof header !== "object" || header === null || !("glibcVersionRuntime" in header)) return undefined
  return String(header.glibcVersionRuntime)
}

/** Fails where the embedded engines cannot run. */
export const check: Effect.Effect<void, StartError> = Effect.suspend(() => {
  const message = missing(thisMachine())
  return message === undefined ? Effect.void : Effect.fail(new StartError({ message }))
})
