/**
 * `PersonStore` on the simulated database: the protocol of guides postgres 1, statement by statement, over the network. Each commit is
 * told to a ledger, in the order of the commits, whether the worker learns of it or not.
 */
import type { Folded, Snapshot, Work } from "@tributary/domain/person/Snapshot"
import * as Effect from "effect/Effect"
import { PersonStore } from "../../service/PersonStore.ts"
import { StoreError } from "../../service/StoreError.ts"
import type { Postgres } from "../database/Postgres.ts"
import type { Flaws } from "../Flaws.ts"
import type { Process } from "../machine/Machine.ts"
import * as Outbox from "./Outbox.ts"
import * as Read from "./Read.ts"
import * as Repeat from "./Repeat.ts"
import * as Write from "./Write.ts"

/** A transaction that was committed. */
export type Commit =
  | {
      readonly _tag: "Batch"
      readonly by: string
      readonly work: Work
      /** Lines up with the progress of the work: applied now, for the first time. */
      readonly isFresh: ReadonlyArray<boolean>
      readonly fold: (snapshot: Snapshot) => Folded<unknown>
    }
  | { readonly _tag: "Deletion"; readonly team: number; readonly uuids: ReadonlyArray<string> }

export interface Options {
  readonly postgres: Postgres
  readonly process: Process
  readonly flaws: Flaws
  readonly ledger: Array<Commit>
  /** Plants "groups before people": every second worker has it. */
  readonly isOdd: boolean
}

type Fences = ReadonlyMap<string, bigint>

export const make = (options: Options): PersonStore["Service"] => {
  const { flaws, isOdd, ledger, postgres, process } = options
  const { tables } = postgres

  const attempt = <A>(work: Work, fold: (snapshot: Snapshot) => Folded<A>, ignoreFence: boolean, fences?: Fences) =>
    postgres.transaction(process, (session) =>
      Effect.gen(function* () {
        const groupsFirst = isOdd && flaws.has("groups before people")
        const loaded = yield* Read.load(session, tables, work, { flaws, groupsFirst, ignoreFence, fences })
        const isFresh = work.progress.map((at) => !loaded.snapshot.applied(at))
        session.onCommit(() => void ledger.push({ _tag: "Batch", by: process.name, work, isFresh, fold }))
        const folded = fold(loaded.snapshot)
        const outbox = yield* Write.write(session, tables, { loaded, work }, folded, { flaws, now: () => postgres.now })
        return { result: folded.result, outbox }
      })
    )

  const raiseAlone = (work: Work) =>
    Repeat.untilSettled("raise", () => postgres.once(process, "raise", Write.raise(tables, work)))

  const settled: PersonStore["Service"]["transact"] = (work, fold) =>
    Repeat.untilSettled("transact", () => attempt(work, fold, false))

  const again: PersonStore["Service"]["transact"] = (work, fold) =>
    Effect.catchIf(
      settled(work, fold),
      ({ reason }) => reason === "Unavailable",
      () => Repeat.untilSettled("transact", () => attempt(work, fold, true))
    )

  const transact: PersonStore["Service"]["transact"] = (work, fold) =>
    Effect.gen(function* () {
      if (flaws.has("fence raised before")) {
        const fences = yield* Repeat.untilSettled("claim", () =>
          postgres.transaction(process, (session) =>
            Effect.tap(session.run("claim", Read.claim(tables, work)), () =>
              session.run("raise", Write.raise(tables, work))
            )
          )
        )
        return yield* Repeat.untilSettled("transact", () => attempt(work, fold, false, fences))
      }
      const committed = yield* flaws.has("unknown commit is a failure") ? again(work, fold) : settled(work, fold)
      if (flaws.has("fence raised after")) yield* raiseAlone(work)
      if (flaws.has("outbox outside") && committed.outbox.length > 0) {
        yield* postgres
          .once(process, "outbox", Write.insertOutbox(tables, committed.outbox, postgres.now))
          .pipe(Effect.mapError((cause) => unavailable("outbox", cause)))
      }
      return committed
    })

  return PersonStore.of({ transact, ...Outbox.make(options) })
}

const unavailable = (operation: string, cause: unknown): StoreError =>
  new StoreError({ store: "PersonStore", operation, reason: "Unavailable", cause })
