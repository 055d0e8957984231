/** The production assembly on three brokers whose disks are small, and can be full: filesystems in memory, which only root may mount. */
import { rmSync } from "node:fs"
import { mkdir, statfs } from "node:fs/promises"
import { join } from "node:path"
import * as EmbeddedKafka from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Once from "@tributary/embedded/process/Once"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Assembly, AssemblyError, type Definition } from "../Assembly.ts"
import { inSeconds } from "../Recovery.ts"
import * as Cluster from "./Cluster.ts"
import * as StackParts from "./StackParts.ts"

/**
 * `disk`: the disk of a broker that leads a partition of the event log is full for some seconds; the broker, which may end of
 * it, is restarted afterwards, as operators must: a partition of it may take nothing more (docs/operating/topics.md).
 */
const kinds = ["disk"] as const

type Kind = (typeof kinds)[number]

const size = "256m"

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
    const {
      assembly: parts,
      dataDir,
      leader
    } = yield* Cluster.bringUp(folder, "disk", (dataDir) =>
      Effect.forEach(EmbeddedKafka.clusterFolders(dataDir), mount, { discard: true })
    )
    const disks = EmbeddedKafka.clusterFolders(dataDir)
    const assembly: Assembly<Kind> = {
      ...parts,
      inject: {
        disk: (chance) =>
          Effect.gen(function* () {
            const { broker, index } = yield* leader(chance)
            const disk = disks[index]!
            // A broker that cannot be started three times in a row is given up.
            const ms = 500 + chance.int(2_000)
            const file = join(disk, "full")
            yield* Effect.acquireUseRelease(
              Effect.andThen(broker.pid, fill(disk, file)),
              () => Effect.sleep(ms),
              () => Effect.sync(() => rmSync(file, { force: true }))
            )
            yield* Effect.mapError(Effect.andThen(broker.stop, broker.restart), StackParts.assemblyError)
            return `that of the broker at ${broker.host} full for ${inSeconds(ms)}`
          })
      }
    }
    return assembly
  }).pipe(Effect.mapError(StackParts.assemblyError))

export const definition: Definition<Kind> = { kinds, start }
