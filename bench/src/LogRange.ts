/** What a topic of the log has got since a mark was set, for checks that two sides did the same work. */
import { createHash } from "node:crypto"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import * as Effect from "effect/Effect"

/** Offsets of the next messages, by partition. */
export type Mark = ReadonlyMap<number, bigint>

export const mark = Effect.fnUntraced(function* (topic: string) {
  const sql = yield* LogDatabase
  const rows = yield* sql.unsafe<{ readonly part: number; readonly next: bigint }>(
    "SELECT part, next FROM tributary_log_head WHERE topic = $1",
    [topic]
  )
  return new Map(rows.map(({ next, part }) => [part, next])) as Mark
})

export interface Row {
  readonly key: Uint8Array | null
  readonly value: Uint8Array
  readonly headers: Uint8Array | null
}

const select = `
SELECT off, key, value, headers FROM tributary_log_msg WHERE topic = $1 AND part = $2 AND off >= $3 ORDER BY off LIMIT 2000`

/** Number of messages since the mark, and a digest of what `contentOf` says of them that does not depend on their order. */
export const summarise = Effect.fnUntraced(function* (topic: string, since: Mark, contentOf: (row: Row) => string) {
  const sql = yield* LogDatabase
  const digest = Digest()
  for (const part of (yield* mark(topic)).keys()) {
    let next = since.get(part) ?? 0n
    while (true) {
      const rows = yield* sql.unsafe<Row & { readonly off: bigint }>(select, [topic, part, next])
      for (const row of rows) digest.add(contentOf(row))
      if (rows.length < 2_000) break
      next = rows.at(-1)!.off + 1n
    }
  }
  return digest.summary()
})

export interface Summary {
  readonly messages: number
  readonly digest: string
}

/** A sum of hashes: the same for the same contents in any order. */
export const Digest = () => {
  let messages = 0
  let sum = 0n
  return {
    add: (content: string): void => {
      messages++
      sum = BigInt.asUintN(64, sum + createHash("sha1").update(content).digest().readBigUInt64BE())
    },
    summary: (): Summary => ({ messages, digest: sum.toString(16) })
  }
}
