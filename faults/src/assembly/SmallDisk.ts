/** The production assembly with a log whose disk is small, and can be full: a filesystem in memory, which only root may mount. */
import { rmSync } from "node:fs"
import { mkdir, statfs } from "node:fs/promises"
import { join } from "node:path"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Once from "@tributary/embedded/process/Once"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Assembly, AssemblyError, type Definition } from "../Assembly.ts"
import { inSeconds } from "../Recovery.ts"
import * as StackParts from "./StackParts.ts"

/** `disk`: the disk of Kafka's log is full for some seconds, and the broker, which ends of it, is started again. */
const kinds = ["disk"] as const

type Kind = (typeof kinds)[number]

/** More than a new folder of our engines must find free. */
const size = "1700m"

const mount = (folder: string): Effect.Effect<void, AssemblyError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      yield* Effect.promise(() => mkdir(folder, { recursive: true }))
      const { code, output } = yield* Once.run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder])
      if (code === 0) return
      return yield* new AssemblyError({
        reason: `disk needs root, for a small filesystem of its own: ${output.trim() || code}`
      })
    }),
    () => Effect.asVoid(Once.run("umount", ["-l", folder]))
  )

/** Takes all that is free, in one file. */
const fill = (folder: string, file: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { bavail, bsize } = yield* Effect.promise(() => statfs(folder))
    yield* Once.run("fallocate", ["-l", String(bavail * bsize), file])
  })

const start = (folder: string) =>
  Effect.gen(function* () {
    const disk = join(folder, "kafka")
    yield* mount(disk)
    const servers = yield* Layer.build(
      EmbeddedKafka.layer({ dataDir: disk, neededBy: "npm run faults -- --kind disk" })
    )
    const kafka = yield* Effect.provide(EmbeddedKafka, servers)
    const parts = yield* StackParts.start(folder, { hosts: kafka.hosts, replication: 1, lost: [kafka.lost] })
    const assembly: Assembly<Kind> = {
      ...parts.assembly,
      inject: {
        disk: (chance) => {
          // A broker that cannot be started three times in a row is given up.
          const ms = 500 + chance.int(2_000)
          const file = join(disk, "full")
          return Effect.as(
            Effect.acquireUseRelease(
              Effect.andThen(kafka.pid, fill(disk, file)),
              () => Effect.sleep(ms),
              () => Effect.sync(() => rmSync(file, { force: true }))
            ),
            `full for ${inSeconds(ms)}`
          )
        }
      }
    }
    return assembly
  }).pipe(Effect.mapError(StackParts.assemblyError))

export const definition: Definition<Kind> = { kinds, start }
