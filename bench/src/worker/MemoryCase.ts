/**
 * Whether a worker grows: 100,000 people, a million events in slices of which each is drained before the next, and its memory
 * after every 100,000. Mixes alternate, so that people are changed and made.
 */
import * as Topics from "@tributary/domain/row/Topics"
import * as Effect from "effect/Effect"
import type * as Case from "../Case.ts"
import type * as Mix from "./Mix.ts"
import * as People from "./People.ts"
import * as WorkerCase from "./WorkerCase.ts"

const slice = 20_000
const slices = 50
const slicesPerLine = 5
const timeLimitMs = 300_000

let runs = 9_000_000

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`

const mixes: ReadonlyArray<Mix.Name> = ["known", "known", "known", "personless", "new"]

export const run = Effect.fnUntraced(function* (_options: Case.Options) {
  yield* People.make
  const worker = yield* WorkerCase.worker(Topics.events)
  const notes: Array<string> = []
  const began = performance.now()
  for (let n = 0; n < slices && performance.now() - began < timeLimitMs; n++) {
    const mix = mixes[n % mixes.length]!
    yield* WorkerCase.round(worker, { mix, run: runs++, count: slice, at: Date.now(), unmerged: People.count })
    if ((n + 1) % slicesPerLine !== 0) continue
    const { external, heap, rss } = yield* worker.ask("memory")
    notes.push(
      `after ${((n + 1) * slice).toLocaleString("en")} events: resident ${megabytes(rss)}, heap ${megabytes(heap)}, outside of it ${megabytes(external)}`
    )
    console.error(notes.at(-1))
  }
  return { result: undefined, notes } satisfies Case.Finding
}, Effect.scoped)
