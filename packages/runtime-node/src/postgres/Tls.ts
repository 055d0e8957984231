/**
 * What a connection URL says of TLS, in the words of PostgreSQL's own clients (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`), so
 * that a URL from a provider's page works as it stands.
 */
import { readFile } from "node:fs/promises"
import type { ConnectionOptions } from "node:tls"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/** A URL asks for what cannot be done. `message` is one line for the operator, and shows nothing of the URL but the parameter. */
export class TlsError extends Schema.TaggedError<TlsError>()("TlsError", { message: Schema.String }) {}

const modes = ["disable", "allow", "prefer", "require", "no-verify", "verify-ca", "verify-full"] as const
type Mode = (typeof modes)[number]

export interface Connection {
  /** Without the parameters that `ssl` stands for. */
  readonly url: Redacted.Redacted
  /** Undefined: as the URL says. Without `sslmode` plain; `prefer` and `allow` take TLS where it is offered, and check the name. */
  readonly ssl: ConnectionOptions | boolean | undefined
}

/**
 * Reads the files that the URL names; errors call it by its `setting`. Anything that is no URL passes: connecting tells what is wrong
 * with it.
 */
export const connectionOf = (url: Redacted.Redacted, setting: string): Effect.Effect<Connection, TlsError> =>
  Effect.gen(function* () {
    const text = Redacted.value(url)
    if (!URL.canParse(text)) return { url, ssl: undefined }
    const parsed = new URL(text)
    const take = (name: string): string | undefined => {
      const value = parsed.searchParams.get(name)
      parsed.searchParams.delete(name)
      return value === null || value === "" ? undefined : value
    }
    const [mode, rootCert, cert, key] = [take("sslmode"), take("sslrootcert"), take("sslcert"), take("sslkey")]
    if (mode !== undefined && !isMode(mode)) {
      return yield* new TlsError({ message: `${setting} has sslmode=${mode}: it may be ${modes.join(", ")}` })
    }
    const ssl = yield* options(setting, mode, { rootCert, cert, key })
    return ssl === undefined ? { url, ssl } : { url: Redacted.make(parsed.href), ssl }
  })

const isMode = (text: string): text is Mode => modes.some((mode) => mode === text)

interface Files {
  readonly rootCert: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

const options = (setting: string, mode: Mode | undefined, files: Files) =>
  Effect.gen(function* () {
    const { rootCert } = files
    if (mode === "disable") return false
    if (mode === undefined || mode === "allow" || mode === "prefer") {
      const file = Object.values(files).find((path) => path !== undefined)
      if (file === undefined) return undefined
      return yield* new TlsError({
        message: `${setting} names ${file}, but no sslmode: it may be require, verify-ca, verify-full`
      })
    }
    const [ca, cert, key] = yield* Effect.all([
      // `system` means the roots that Node brings along.
      read(setting, "sslrootcert", rootCert === "system" ? undefined : rootCert),
      read(setting, "sslcert", files.cert),
      read(setting, "sslkey", files.key)
    ])
    // As libpq has it: `require` encrypts and believes anybody, unless it is told whom to believe.
    const verifies = mode === "verify-full" || mode === "verify-ca" || (mode === "require" && rootCert !== undefined)
    const anyName = mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }
    return {
      rejectUnauthorized: verifies,
      ...anyName,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key })
    }
  })

const read = (
  setting: string,
  parameter: string,
  path: string | undefined
): Effect.Effect<string | undefined, TlsError> =>
  path === undefined
    ? Effect.undefined
    : Effect.tryPromise({
        try: () => readFile(path, "utf8"),
        catch: (cause) =>
          new TlsError({
            message: `${setting} has ${parameter}=${path}, which cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
          })
      })
