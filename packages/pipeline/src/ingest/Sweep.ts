/**
 * Publishes the outbox rows that a crash left behind (guides postgres 7): at the start whatever their age, then every
 * minute those older than 30 s. It will now and then publish what a slow worker is publishing too: harmless, for rows
 * carry versions.
 */
import * as Effect from "effect/Effect"
import * as Health from "../service/Health.ts"
import * as Outputs from "../service/Outputs.ts"
import { type OutboxRow, PersonStore } from "../service/PersonStore.ts"
import { Producer, type ProducerError } from "../service/Producer.ts"
import type { StoreError } from "../service/StoreError.ts"
import * as Write from "./Write.ts"

/** Older rows only: younger ones are in the hands of the worker that wrote them. */
const patienceMs = 30_000

const sweep = (olderThanMs: number) =>
  Effect.gen(function* () {
    const store = yield* PersonStore
    const producer = yield* Producer
    /** Answers with the ids that the log refuses for good. */
    const publish = (rows: ReadonlyArray<OutboxRow>) =>
      Outputs.send(rows.map((row) => ({ ...row, headers: [] }))).pipe(
        Effect.map((rejections) => rejections.flatMap(({ index }) => rows[index]?.id ?? [])),
        Effect.tap(Write.tellRefused),
        Effect.provideService(Producer, producer)
      )
    const rows = yield* store
      .sweep(olderThanMs, publish)
      .pipe(Health.untilBack<StoreError | ProducerError>("PostgreSQL or the log", (error) => String(error.cause)))
    if (rows > 0) yield* Effect.logInfo("published what a crash left behind", { rows })
  })

/** Sweeps for as long as it is not interrupted. */
export const run = Effect.andThen(sweep(0), Effect.forever(Effect.delay(sweep(patienceMs), "1 minute")))
