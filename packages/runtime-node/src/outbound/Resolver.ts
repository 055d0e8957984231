/**
 * DNS that answers with addresses which may be reached, or not at all (spec cdp 3.5).
 *
 * It is the connection's own lookup, so that the address which was checked is the one that is used. All addresses of a
 * name must be allowed: one that is not blocks the request, for the system may try any of them.
 */
import { promises as dns, type LookupAddress } from "node:dns"
import type { LookupFunction } from "node:net"
import * as Address from "./Address.ts"

/** Every address of a host name. */
export type Resolve = (hostname: string) => Promise<ReadonlyArray<LookupAddress>>

export const system: Resolve = (hostname) => dns.lookup(hostname, { all: true })

/** The request must not be sent. */
export class Blocked extends Error {
  readonly hostname: string
  readonly addresses: ReadonlyArray<string>
  constructor(hostname: string, addresses: ReadonlyArray<string>) {
    super("Hostname is not allowed")
    this.hostname = hostname
    this.addresses = addresses
  }
}

export interface Guard {
  /** Private addresses that may be reached all the same. */
  readonly allowPrivate: Address.Ranges
  readonly resolve: Resolve
}

/** Whether an address, as a text, may be reached. */
export const mayReach = ({ allowPrivate }: Pick<Guard, "allowPrivate">, text: string): boolean => {
  const address = Address.parse(text)
  return address !== undefined && (Address.isPublic(address) || allowPrivate(address))
}

const checked = async (guard: Guard, hostname: string): Promise<ReadonlyArray<LookupAddress>> => {
  const addresses = await guard.resolve(hostname)
  if (addresses.length === 0) throw Object.assign(new Error(`${hostname} has no address`), { code: "ENOTFOUND" })
  if (addresses.some(({ address }) => !mayReach(guard, address))) {
    throw new Blocked(
      hostname,
      addresses.map(({ address }) => address)
    )
  }
  return addresses
}

/** For `net.connect`. Not asked for hosts that are addresses: those are checked with `mayReach` before. */
export const lookup =
  (guard: Guard): LookupFunction =>
  (hostname, { all }, callback) => {
    checked(guard, hostname).then(
      (addresses) => {
        const [first] = addresses
        if (all === true) callback(null, [...addresses])
        else callback(null, first?.address ?? "", first?.family ?? 0)
      },
      (error: NodeJS.ErrnoException) => callback(error, "", 0)
    )
  }
