/** The keys that encrypt secrets of functions: `ENCRYPTION_SALT_KEYS`, or one made at the first start and kept in `DATA_DIR`. */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as Fernet from "@tributary/runtime-node/functions/Fernet"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { writeDurably } from "../DataDir.ts"
import { StartError } from "../StartError.ts"

const file = "encryption_salt_keys"

export const load = (setting: Redacted.Redacted | undefined, dataDir: string): Effect.Effect<Fernet.Keys, StartError> =>
  Effect.gen(function* () {
    const text = setting ?? (yield* kept(dataDir))
    const keys = Fernet.parseKeys(text)
    if (Result.isFailure(keys)) {
      return yield* new StartError({ message: `ENCRYPTION_SALT_KEYS=…: ${keys.failure}` })
    }
    return keys.success
  })

/** The keys that are kept in the folder, as the setting would say them. */
export const kept = (dataDir: string): Effect.Effect<Redacted.Redacted, StartError> =>
  Effect.tryPromise({
    try: async () => {
      const there = await readFile(join(dataDir, file), "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error
        return undefined
      })
      if (there !== undefined) return Redacted.make(there.trim())
      const made = randomBytes(32).toString("base64")
      await writeDurably(dataDir, file, `${made}\n`)
      return Redacted.make(made)
    },
    catch: (cause) => new StartError({ message: `${join(dataDir, file)} cannot be read or written: ${String(cause)}` })
  })
