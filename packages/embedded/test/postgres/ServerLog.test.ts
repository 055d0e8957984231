import { assert, describe, it } from "@effect/vitest"
import { whyEnded, whyNotStarted } from "@tributary/embedded/postgres/ServerLog"

describe("ServerLog", () => {
  it("explains an end by the first fatal line, without hints", () => {
    const text = [
      "2026-11-25 04:17:10.123 UTC [12] LOG:  starting PostgreSQL 18.4",
      '2026-11-25 04:17:10.124 UTC [12] FATAL:  could not write to file "x": No space left on device',
      "2026-11-25 04:17:10.124 UTC [12] HINT:  restore from backup",
      "2026-11-25 04:17:10.125 UTC [12] FATAL:  later"
    ].join("\n")
    assert.strictEqual(whyNotStarted(text), 'could not write to file "x": No space left on device')
  })

  it("explains what initdb and the tools before it say", () => {
    assert.strictEqual(whyNotStarted("creating\ninitdb: error: no room\n"), "no room")
    assert.strictEqual(whyNotStarted("unshare: unshare failed: No\n"), "unshare: unshare failed: No")
  })

  it("does not blame clients for the end of a server", () => {
    const text = [
      "2026-11-25 04:17:10.124 UTC [12] FATAL:  the database system is starting up",
      '2026-11-25 04:17:10.125 UTC [13] FATAL:  password authentication failed for user "x"',
      "2026-11-25 04:17:10.126 UTC [14] PANIC:  could not write to file"
    ].join("\n")
    assert.strictEqual(whyEnded(text), "could not write to file")
    assert.isUndefined(whyNotStarted("2026-11-25 04:17:10.124 UTC [12] FATAL:  the database system is starting up"))
  })

  it("explains nothing when nothing went wrong", () => {
    assert.isUndefined(whyNotStarted("LOG:  database system is shut down\n"))
    assert.isUndefined(whyEnded("LOG:  database system is shut down\n"))
  })
})
