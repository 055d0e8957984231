/**
 * `DATA_DIR/version`: what wrote the folder. A program never opens a folder that a newer one has touched, nor one of
 * another major version of PostgreSQL, whose files it cannot read.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const Count = Schema.Int.check(Schema.isGreaterThan(0))

export const Versions = Schema.Struct({
  /** Of the folder itself: which files and folders there are. */
  layout: Count,
  postgres: Schema.String,
  clickhouse: Schema.String,
  /** Of the tables in both engines. */
  schema: Count
})
export type Versions = typeof Versions.Type

/** Those of this program. */
export const current: Versions = { layout: 1, postgres: "18.4", clickhouse: "26.7", schema: 1 }

const codec = Schema.fromJsonString(Versions)
const decode = Schema.decodeUnknownResult(codec)
const encode = Schema.encodeSync(codec)

/** Undefined for a text that no Tributary wrote. */
export const parse = (text: string): Versions | undefined => {
  const decoded = decode(text)
  return Result.isSuccess(decoded) ? decoded.success : undefined
}

export const format = (versions: Versions): string => `${encode(versions)}\n`

/** Why `ours` may not open what `theirs` wrote; undefined when it may. */
export const obstacle = (theirs: Versions, ours: Versions): string | undefined => {
  if (isNewer(theirs.postgres, ours.postgres, 1) || isNewer(ours.postgres, theirs.postgres, 1)) {
    return `it holds PostgreSQL ${theirs.postgres} and this Tributary runs ${ours.postgres}, which cannot read it`
  }
  const newer = [
    theirs.layout > ours.layout ? "layout" : undefined,
    isNewer(theirs.postgres, ours.postgres) ? "PostgreSQL" : undefined,
    isNewer(theirs.clickhouse, ours.clickhouse) ? "ClickHouse" : undefined,
    theirs.schema > ours.schema ? "schema" : undefined
  ].filter((name) => name !== undefined)
  return newer.length === 0 ? undefined : `a newer Tributary wrote it (newer: ${newer.join(", ")})`
}

/** Compares the first `parts` numbers of two dotted versions; what is no number counts as 0. */
const isNewer = (a: string, b: string, parts = Number.POSITIVE_INFINITY): boolean => {
  const left = a.split(".").slice(0, parts).map(Number)
  const right = b.split(".").slice(0, parts).map(Number)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] || 0) - (right[i] || 0)
    if (difference !== 0) return difference > 0
  }
  return false
}
