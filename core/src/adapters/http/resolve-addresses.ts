import { isIP } from 'node:net'
import { OutboundFailure } from './outbound-failure.ts'
import type { OutboundTarget } from './outbound-target.ts'

/** Every address of a name, as the system's resolver knows them now. */
export type Lookup = (name: string) => Promise<readonly string[]>

/** Lookups that may be under way. One that hangs in the system's resolver cannot be called back. */
const MAX_PENDING = 64

/**
 * Makes a resolver whose every answer is checked, whole: an answer with one good and one
 * forbidden address is an attempt to get past this check, and gives no address at all.
 * Nothing is remembered, so that a later answer is never connected to on the strength of an
 * earlier one. Equal names asked for at one time are looked up once.
 */
export function createAddressResolver(lookup: Lookup): (target: OutboundTarget) => Promise<readonly string[]> {
  const pending = new Map<string, Promise<readonly string[]>>()

  function find(name: string): Promise<readonly string[]> {
    if (isIP(name) !== 0) return Promise.resolve([name])
    const known = pending.get(name)
    if (known !== undefined) return known
    if (pending.size >= MAX_PENDING) {
      throw new OutboundFailure('overloaded', 'Too many names are being looked up: try again later')
    }
    const found = lookup(name).finally(() => pending.delete(name))
    pending.set(name, found)
    return found
  }

  return async (target) => {
    const addresses = await find(target.lookupName).catch((cause: unknown) => {
      throw new OutboundFailure('unresolved', `The name of ${target.origin} cannot be resolved`, { cause })
    })
    if (addresses.length === 0) {
      throw new OutboundFailure('unresolved', `The name of ${target.origin} has no address`)
    }
    if (!addresses.every((address) => target.allows(address))) {
      throw new OutboundFailure('forbidden', `${target.origin} has an address that must not be connected to`)
    }
    return addresses
  }
}
