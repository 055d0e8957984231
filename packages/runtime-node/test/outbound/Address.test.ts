import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Address from "../../src/outbound/Address.ts"

const isPublic = (text: string): boolean => {
  const address = Address.parse(text)
  return address !== undefined && Address.isPublic(address)
}

describe("addresses", () => {
  it("are read strictly", () => {
    for (const text of [
      "",
      "nonsense",
      "1.2.3",
      "1.2.3.4:80",
      "01.2.3.4",
      "1.2.3.4/8",
      " 1.2.3.4",
      "fe80::1%eth0",
      "[::1]",
      "::ffff:1.2.3"
    ]) {
      assert.isUndefined(Address.parse(text), text)
    }
  })

  it("of IPv6 have one form, and an IPv4 address inside is taken out", () => {
    assert.strictEqual(Address.parse("2001:0DB8:0:0::1"), "2001:db8::1")
    assert.strictEqual(Address.parse("::ffff:10.0.0.1"), "10.0.0.1")
    assert.strictEqual(Address.parse("::ffff:a00:1"), "10.0.0.1")
    assert.strictEqual(Address.parse("0:0:0:0:0:ffff:7f00:1"), "127.0.0.1")
  })

  it("of the public internet are told from all others", () => {
    for (const text of [
      "1.1.1.1",
      "8.8.8.8",
      "172.15.0.1",
      "172.32.0.1",
      "100.63.0.1",
      "223.255.255.255",
      "2606:4700::1111",
      "2001:218::1",
      "::ffff:8.8.8.8"
    ]) {
      assert.isTrue(isPublic(text), text)
    }
    const others = [
      "0.0.0.0",
      "10.1.2.3",
      "100.64.0.1",
      "127.0.0.1",
      "127.255.255.254",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
      "192.0.2.1",
      "192.168.1.1",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "fe80::1",
      "fd00::1",
      "ff02::1",
      "64:ff9b::a00:1",
      "2001::1",
      "2001:db8::1",
      "2002:a00:1::",
      "::ffff:192.168.0.1",
      "::127.0.0.1"
    ]
    for (const text of others) assert.isFalse(isPublic(text), text)
  })

  it("are listed with ranges, and a bad piece is named", () => {
    const ranges = Result.getOrThrow(Address.parseRanges("127.0.0.1, 10.0.0.0/8,fd00::/8 ,"))
    for (const text of ["127.0.0.1", "10.255.0.1", "fd12::1"]) assert.isTrue(ranges(text), text)
    for (const text of ["127.0.0.2", "11.0.0.1", "fe80::1"]) assert.isFalse(ranges(text), text)
    assert.isFalse(Result.getOrThrow(Address.parseRanges(""))("127.0.0.1"))
    for (const list of ["localhost", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/x", "1.2.3"]) {
      assert.include(Result.getOrThrow(Result.flip(Address.parseRanges(`127.0.0.1,${list}`))), list)
    }
  })
})
