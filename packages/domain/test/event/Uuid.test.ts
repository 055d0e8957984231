import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as Schema from "effect/Schema"

describe("personUuid", () => {
  it("gives the vectors of spec worker 2.2", () => {
    const vectors: ReadonlyArray<readonly [number, string, string]> = [
      [1, "user-1", "6931a681-6e90-500d-8294-14582dcc2e3f"],
      [1, "new-user", "b8b0f572-3ec9-54dd-930a-c74a568da04d"],
      [2, "new-user", "4db89b1b-c399-51fa-adb3-df07003c84ef"],
      [1, "anon-1", "cfa956a0-5af4-51c6-9ef5-cb3c80e09b69"],
      [1, "alice", "a6e21b41-7154-5e34-ae20-47017c663318"],
      [42, "ünïcode ☃", "e3e638e0-5f3c-5a89-9cb7-4e6cb5d36090"]
    ]
    for (const [team, distinctId, uuid] of vectors) assert.strictEqual(Uuid.personUuid(team, distinctId), uuid)
  })

  it.prop(
    "is SHA-1 of namespace and name, for names of any length",
    [Schema.Int, Schema.String, Schema.Literals([1, 40, 900])],
    ([team, part, times]) => {
      const distinctId = part.repeat(times)
      const hash = createHash("sha1")
        .update(Buffer.from("932979b465c344248467" + "0b66ec27bc22", "hex"))
        .update(`${team}:${distinctId}`, "utf8")
        .digest("hex")
      const uuid = Uuid.personUuid(team, distinctId).replaceAll("-", "")
      assert.strictEqual(uuid.slice(0, 12), hash.slice(0, 12))
      assert.strictEqual(uuid.slice(13, 16), hash.slice(13, 16))
      assert.strictEqual(uuid.slice(17), hash.slice(17, 32))
      assert.match(uuid, /^.{12}5.{3}[89ab].{15}$/)
    }
  )

  it("is UUIDv5 as others make it", () => {
    // RFC 9562, appendix A.4.
    assert.strictEqual(
      Uuid.v5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com"),
      "2ed6657d-e927-568b-95e1-2665a8aea6a2"
    )
  })
})

describe("isUuid", () => {
  it("takes any case and any version, and nothing but the hyphenated form (A03, A04)", () => {
    assert.isTrue(Uuid.isUuid("0199A1B2-0000-0000-0000-00000000000F"))
    for (const text of [
      "",
      "abc",
      "0199a1b200007000800000000000000f",
      "0199a1b2-0000-7000-8000-00000000000g",
      "{0199a1b2-0000-7000-8000-00000000000}"
    ])
      assert.isFalse(Uuid.isUuid(text), text)
  })
})

describe("parseClient", () => {
  const canonical = "0199a1b2-0000-7000-8000-00000000000f"
  it("reads hyphenated, simple, braced and urn forms in any case", () => {
    for (const text of [
      canonical,
      canonical.toUpperCase(),
      "0199A1B200007000800000000000000F",
      `{${canonical.toUpperCase()}}`,
      `urn:uuid:${canonical}`
    ])
      assert.strictEqual(Uuid.parseClient(text), canonical, text)
  })

  it("reads nothing else", () => {
    for (const text of [
      "nope",
      "",
      `{${canonical}`,
      `urn:uuid:`,
      ` ${canonical}`,
      "{0199a1b200007000800000000000000f}"
    ])
      assert.isUndefined(Uuid.parseClient(text), text)
  })
})

describe("v7", () => {
  const random = Uint8Array.from({ length: 10 }, () => 0xff)
  it("carries its time, version and variant", () => {
    assert.strictEqual(Uuid.v7(0x017f22e279b0, random), "017f22e2-79b0-7fff-bfff-ffffffffffff")
    assert.strictEqual(Uuid.v7(-5, new Uint8Array(10)), "00000000-0000-7000-8000-000000000000")
  })

  it.prop("sorts by time", [Schema.Int, Schema.Int], ([a, b]) => {
    const [early, late] = [Math.min(Math.abs(a), Math.abs(b)) % 2 ** 47, Math.max(Math.abs(a), Math.abs(b)) % 2 ** 47]
    if (early < late) assert.isTrue(Uuid.v7(early, random) < Uuid.v7(late, new Uint8Array(10)))
  })
})
