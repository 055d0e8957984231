/** All cases, in the order in which they run. */
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import type { Producer } from "@tributary/pipeline/service/Producer"
import type { PersonsDatabase } from "@tributary/runtime-node/postgres/Database"
import type * as Effect from "effect/Effect"
import type * as Case from "./Case.ts"
import * as CaptureCase from "./capture/CaptureCase.ts"
import * as ClientCase from "./kafka/ClientCase.ts"
import * as WorkersCase from "./kafka/WorkersCase.ts"
import * as EndToEndCase from "./standalone/EndToEndCase.ts"
import type { LogName, World } from "./World.ts"
import * as MemoryCase from "./worker/MemoryCase.ts"
import * as WorkerCase from "./worker/WorkerCase.ts"

type Run = (
  options: Case.Options
) => Effect.Effect<Case.Finding, unknown, World | EventLog | Producer | PersonsDatabase>

type Cases = ReadonlyArray<readonly [name: string, run: Run]>

const cases: Cases = [
  ["capture-single", CaptureCase.run(CaptureCase.single)],
  ["capture-gzip50", CaptureCase.run(CaptureCase.gzip50)],
  ["worker-known", WorkerCase.run("known")],
  ["worker-new", WorkerCase.run("new")],
  ["worker-identify", WorkerCase.run("identify")],
  ["worker-personless", WorkerCase.run("personless")],
  ["end-to-end", EndToEndCase.run]
]

/** There is nothing like it on the embedded log. */
const ofKafka: Cases = [
  ["kafka-produce", ClientCase.run("produce")],
  ["kafka-consume", ClientCase.run("consume")],
  ["kafka-two-workers", WorkersCase.run]
]

/** Run only when they are asked for by name. */
const onRequest: Cases = [["memory", MemoryCase.run]]

const all = (log: LogName): Cases => (log === "kafka" ? [...cases, ...ofKafka] : cases)

export const names = (log: LogName): ReadonlyArray<string> => [...all(log), ...onRequest].map(([name]) => name)

export const chosen = (log: LogName, only: ReadonlyArray<string> | undefined): Cases =>
  only === undefined ? all(log) : [...all(log), ...onRequest].filter(([name]) => only.includes(name))
