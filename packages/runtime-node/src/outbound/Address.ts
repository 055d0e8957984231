/** IP addresses: read strictly, and told public from private ones (spec cdp 3.5, 5.5). */
import { BlockList, isIP, isIPv4 } from "node:net"
import * as Result from "effect/Result"

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
const mappedHex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i

/**
 * The address in the form in which it is compared: IPv4-mapped IPv6 (`::ffff:1.2.3.4`) unwrapped. Undefined for anything
 * that is not exactly one address: `1.2.3`, `1.2.3.4:80`, `fe80::1%eth0`, `01.2.3.4`.
 */
export const parse = (text: string): string | undefined => {
  if (isIP(text) === 0 || text.includes("%")) return undefined
  if (isIPv4(text)) return text
  // Every way to write an IPv6 address becomes one.
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const dotted = mapped.exec(canonical)?.[1]
  if (dotted !== undefined) return dotted
  const hex = mappedHex.exec(canonical)
  if (hex === null) return canonical
  const [high, low] = [Number.parseInt(hex[1] ?? "", 16), Number.parseInt(hex[2] ?? "", 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** Everything in IPv4 that is not plain unicast. */
const notPublic4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4]
] as const

/**
 * What lies in 2000::/3 and is not global unicast: tunnels may end anywhere, documentation ends nowhere. Registries give
 * out addresses from 2001:200:: on, just above the first range.
 */
const notPublic6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20]
] as const

const privates = new BlockList()
for (const [network, bits] of notPublic4) privates.addSubnet(network, bits, "ipv4")
for (const [network, bits] of notPublic6) privates.addSubnet(network, bits, "ipv6")
const globalUnicast = new BlockList()
globalUnicast.addSubnet("2000::", 3, "ipv6")

/** True for addresses of the public internet. Takes what `parse` gives. */
export const isPublic = (address: string): boolean =>
  isIPv4(address)
    ? !privates.check(address, "ipv4")
    : globalUnicast.check(address, "ipv6") && !privates.check(address, "ipv6")

/** A set of addresses and ranges. */
export type Ranges = (address: string) => boolean

/** A comma list of addresses and ranges (`10.0.0.5, 192.168.0.0/16, fd00::/8`); the failure names the first bad piece. */
export const parseRanges = (list: string): Result.Result<Ranges, string> => {
  const ranges = new BlockList()
  for (const piece of list.split(",").map((text) => text.trim())) {
    if (piece === "") continue
    const [network = "", bits, ...more] = piece.split("/")
    const address = parse(network)
    const most = address !== undefined && isIPv4(address) ? 32 : 128
    const isRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)
    if (address === undefined || !isRange || more.length > 0) {
      return Result.fail(`${piece} is neither an address nor a range such as 10.0.0.0/8`)
    }
    ranges.addSubnet(address, Number(bits ?? most), isIPv4(address) ? "ipv4" : "ipv6")
  }
  return Result.succeed((address) => ranges.check(address, isIPv4(address) ? "ipv4" : "ipv6"))
}
