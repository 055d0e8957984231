/** A program with work in hand when it is asked to end: `finishes` in time, is `abandoned`, or `hangs` and cannot be interrupted. */
import * as InHand from "@tributary/pipeline/service/InHand"
import * as Loop from "@tributary/pipeline/service/Loop"
import { Effect } from "effect"
import * as Program from "../../src/process/Program.ts"

const work = {
  finishes: (loop: Loop.Loop) => loop.orStop(Effect.never),
  abandoned: () => Effect.never,
  hangs: () => Effect.uninterruptible(Effect.never)
}

const kinds = ["finishes", "abandoned", "hangs"] as const
const kind = kinds.find((kind) => kind === process.argv[2]) ?? "finishes"

const program = Effect.gen(function* () {
  for (let count = 0; count < 3; count++) {
    yield* Loop.run("100 millis", (loop) => Effect.asVoid(InHand.during("batch")(work[kind](loop))))
  }
  yield* Effect.sync(() => console.log("begun"))
  return yield* Effect.never
})

Program.run(Loop.together(program), { stopWithinMs: 500 })
