/** Folders for tests. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { until } from "./Program.ts"
import { processesBelow } from "./Session.ts"

/** A fresh folder that everyone may enter; removed with the scope, once no server runs there any more. */
export const make = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "tributary-test-"))
    chmodSync(folder, 0o755)
    return folder
  }),
  (folder) =>
    Effect.andThen(
      until(() => processesBelow(folder).length === 0),
      Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
)
