import { assert, describe, it } from "@effect/vitest"
import { clientAddress, parseTrusted, trustNone, trustPrivate } from "../../src/http/ClientAddress.ts"

const forwarded = { "x-forwarded-for": "203.0.113.7" }

describe("ClientAddress (spec capture 2.8)", () => {
  it("private, loopback, link-local and unique-local peers are believed, others are not", () => {
    for (const peer of [
      "127.0.0.1",
      "10.0.0.9",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "169.254.1.1",
      "::1",
      "fd00::1",
      "fe80::1%eth0",
      "::ffff:10.0.0.9"
    ]) {
      assert.strictEqual(clientAddress(peer, forwarded, trustPrivate), "203.0.113.7", peer)
    }
    for (const [peer, own] of [
      ["8.8.8.8", "8.8.8.8"],
      ["172.32.0.1", "172.32.0.1"],
      ["::ffff:8.8.8.8", "8.8.8.8"],
      ["2001:db8::1", "2001:db8::1"],
      ["100.64.0.1", "100.64.0.1"]
    ] as const) {
      assert.strictEqual(clientAddress(peer, forwarded, trustPrivate), own, peer)
      assert.strictEqual(clientAddress(peer, forwarded, trustPrivate), own, peer)
    }
    assert.strictEqual(clientAddress("127.0.0.1", forwarded, trustNone), "127.0.0.1")
    assert.strictEqual(clientAddress(undefined, forwarded, trustPrivate), "0.0.0.0")
  })

  it("the leftmost valid address counts, without port, brackets and mapping", () => {
    for (const [value, address] of [
      ["203.0.113.7, 10.1.1.1", "203.0.113.7"],
      ["unknown, , 203.0.113.7", "203.0.113.7"],
      ["203.0.113.7:4711", "203.0.113.7"],
      ["[2001:db8::1]:4711, 10.1.1.1", "2001:db8::1"],
      ["2001:db8::1", "2001:db8::1"],
      ["::ffff:203.0.113.7", "203.0.113.7"],
      ['"203.0.113.7"', "203.0.113.7"],
      ['1.2.3.4;"x', "10.0.0.9"],
      ["nobody", "10.0.0.9"],
      ["[", "10.0.0.9"],
      ["", "10.0.0.9"]
    ] as const) {
      assert.strictEqual(clientAddress("10.0.0.9", { "x-forwarded-for": value }, trustPrivate), address, value)
    }
  })

  it("other headers come after X-Forwarded-For, and Forwarded last", () => {
    const all = {
      "cf-connecting-ip": "203.0.113.3",
      "x-real-ip": "203.0.113.2",
      forwarded: 'by=10.0.0.1;for="[2001:db8::9]:80";proto=https, for=203.0.113.9'
    }
    assert.strictEqual(clientAddress("10.0.0.9", { ...all, ...forwarded }, trustPrivate), "203.0.113.7")
    assert.strictEqual(clientAddress("10.0.0.9", { ...all, "x-forwarded-for": "x" }, trustPrivate), "203.0.113.2")
    assert.strictEqual(clientAddress("10.0.0.9", { forwarded: all.forwarded }, trustPrivate), "2001:db8::9")
    assert.strictEqual(
      clientAddress("10.0.0.9", { "cloudfront-viewer-address": "203.0.113.4:46532" }, trustPrivate),
      "203.0.113.4"
    )
  })

  it("the setting takes private, none, addresses and ranges, and nothing else", () => {
    const peers = ["127.0.0.1", "8.8.8.8", "8.8.4.4", "2001:db8::1"]
    const trusted = (text: string) => peers.map((peer) => parseTrusted(text)?.peerOf(peer).isTrusted)
    assert.deepStrictEqual(trusted("private"), [true, false, false, false])
    assert.deepStrictEqual(trusted("none"), [false, false, false, false])
    assert.deepStrictEqual(trusted("8.8.8.0/24, 2001:db8::/32"), [false, true, false, true])
    assert.deepStrictEqual(trusted("private,8.8.4.4"), [true, false, true, false])
    for (const text of ["", "yes", "8.8.8.8/33", "8.8.8.8/", "1.2.3.4/5/6", "::/129", "none,private", "8.8.8"]) {
      assert.isUndefined(parseTrusted(text), text)
    }
  })
})
