/** All cases, in the order in which they run. */
import type { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import type { Producer } from "@tributary/pipeline/service/Producer"
import type { PersonsDatabase } from "@tributary/runtime-node/postgres/Database"
import type * as Effect from "effect/Effect"
import type * as Case from "./Case.ts"
import * as CaptureCase from "./capture/CaptureCase.ts"
import * as EndToEndCase from "./standalone/EndToEndCase.ts"
import type { World } from "./World.ts"
import * as MemoryCase from "./worker/MemoryCase.ts"
import * as WorkerCase from "./worker/WorkerCase.ts"

type Run = (
  options: Case.Options
) => Effect.Effect<Case.Finding, unknown, World | LogDatabase | Producer | PersonsDatabase>

const cases: ReadonlyArray<readonly [name: string, run: Run]> = [
  ["capture-single", CaptureCase.run(CaptureCase.single)],
  ["capture-gzip50", CaptureCase.run(CaptureCase.gzip50)],
  ["worker-known", WorkerCase.run("known")],
  ["worker-new", WorkerCase.run("new")],
  ["worker-identify", WorkerCase.run("identify")],
  ["worker-personless", WorkerCase.run("personless")],
  ["end-to-end", EndToEndCase.run]
]

/** Run only when they are asked for by name. */
const onRequest: ReadonlyArray<readonly [name: string, run: Run]> = [["memory", MemoryCase.run]]

export const names: ReadonlyArray<string> = [...cases, ...onRequest].map(([name]) => name)

export const chosen = (only: ReadonlyArray<string> | undefined): ReadonlyArray<readonly [name: string, run: Run]> =>
  only === undefined ? cases : [...cases, ...onRequest].filter(([name]) => only.includes(name))
