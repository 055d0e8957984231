/**
 * The address of a client behind proxies (spec capture 2.8). Forwarding headers are believed from trusted peers only
 * (`TRUSTED_PROXIES`), and even then serve to find a place on the map, never to decide on access: anybody can write them.
 */
import type { IncomingHttpHeaders } from "node:http"
import { BlockList, isIP } from "node:net"

/** The address at the other end of a connection. */
export interface Peer {
  readonly address: string
  /** Whether its forwarding headers are believed. */
  readonly isTrusted: boolean
}

/** Whom the setting trusts. */
export interface TrustedProxies {
  /** Takes what the socket says. */
  readonly peerOf: (remoteAddress: string) => Peer
}

const privateRanges: ReadonlyArray<string> = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "::1/128",
  "fe80::/10",
  "fc00::/7"
]

const add = (list: BlockList, range: string): boolean => {
  const [address = "", bits, ...more] = range.split("/")
  const version = isIP(address)
  if (version === 0 || more.length > 0) return false
  const family = version === 4 ? "ipv4" : "ipv6"
  if (bits === undefined) {
    list.addAddress(address, family)
    return true
  }
  const most = version === 4 ? 32 : 128
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) return false
  list.addSubnet(address, Number(bits), family)
  return true
}

/** For a connection that has ended already. */
const unknownAddress = "0.0.0.0"

const withoutMapping = (address: string): string =>
  address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address

/** The address in what a header or a socket says: without port, brackets, quotes, zone or IPv4 mapping; undefined when there is none. */
const addressOf = (text: string): string | undefined => {
  const bare = text.trim().replaceAll('"', "")
  const inner = bare.startsWith("[") ? bare.slice(1, bare.indexOf("]")) : bare
  for (const candidate of [inner, inner.slice(0, Math.max(0, inner.lastIndexOf(":")))]) {
    const address = candidate.split("%", 1)[0] ?? ""
    if (isIP(address) !== 0) return withoutMapping(address)
  }
  return undefined
}

/** Peers come again and again, and to read one costs more than all the rest. */
const maxRemembered = 1_000

const remembering = (trusts: (address: string) => boolean): TrustedProxies => {
  const peers = new Map<string, Peer>()
  return {
    peerOf: (remoteAddress) => {
      const known = peers.get(remoteAddress)
      if (known !== undefined) return known
      const address = addressOf(remoteAddress) ?? unknownAddress
      const peer = { address, isTrusted: trusts(address) }
      if (peers.size >= maxRemembered) peers.clear()
      peers.set(remoteAddress, peer)
      return peer
    }
  }
}

const trustOf = (ranges: ReadonlyArray<string>): TrustedProxies | undefined => {
  const list = new BlockList()
  if (!ranges.every((range) => add(list, range))) return undefined
  return remembering((address) => list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6"))
}

/** Nobody is believed. */
export const trustNone: TrustedProxies = remembering(() => false)

/** Reads the setting: `private`, `none`, or a comma list of addresses and ranges; undefined when it is none of these. */
export const parseTrusted = (text: string): TrustedProxies | undefined => {
  const ranges = text
    .split(",")
    .map((range) => range.trim())
    .filter((range) => range !== "")
  if (ranges.length === 0) return undefined
  if (ranges.length === 1 && ranges[0] === "none") return trustNone
  return trustOf(ranges.flatMap((range) => (range === "private" ? privateRanges : [range])))
}

/** Loopback, private, link-local and unique-local addresses are believed: the default. */
export const trustPrivate: TrustedProxies = trustOf(privateRanges) ?? trustNone

const leftmost = (list: string): string | undefined => {
  for (const piece of list.split(",")) {
    const address = addressOf(piece)
    if (address !== undefined) return address
  }
  return undefined
}

const singleHeaders: ReadonlyArray<string> = [
  "x-real-ip",
  "fly-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "cloudfront-viewer-address"
]

const text = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" || value === undefined ? value : value.join(",")

const forwardedFor = /(?:^|[;,])\s*for=("[^"]*"|[^;,]*)/gi

/**
 * The client's address: the leftmost valid one of `X-Forwarded-For`, else of the headers that carry one, else of `Forwarded`, else
 * the peer's.
 */
export const clientAddress = (
  remoteAddress: string | undefined,
  headers: IncomingHttpHeaders,
  trusted: TrustedProxies
): string => {
  const peer = trusted.peerOf(remoteAddress ?? "")
  if (!peer.isTrusted) return peer.address
  const list = text(headers["x-forwarded-for"])
  const first = list === undefined ? undefined : leftmost(list)
  if (first !== undefined) return first
  for (const name of singleHeaders) {
    const value = text(headers[name])
    const address = value === undefined ? undefined : addressOf(value)
    if (address !== undefined) return address
  }
  const forwarded = text(headers["forwarded"])
  if (forwarded !== undefined) {
    for (const [, value = ""] of forwarded.matchAll(forwardedFor)) {
      const address = addressOf(value)
      if (address !== undefined) return address
    }
  }
  return peer.address
}
