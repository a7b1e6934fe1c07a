import { META_NAMES, writeMeta } from '../sdk/meta-names.ts'
import type { PopResponse } from '../sdk/proof-of-possession.ts'
import { popResponseToMeta } from '../sdk/proof-of-possession.ts'
import { isObject, type Members } from './messages.ts'

/** The requests whose results disclose who the server is. */
export const HANDSHAKE_METHODS = ['initialize', 'server/discover'] as const

export type HandshakeMethod = (typeof HANDSHAKE_METHODS)[number]

export function isHandshake(method: string): method is HandshakeMethod {
  return (HANDSHAKE_METHODS as readonly string[]).includes(method)
}

/** What a server says about itself in a handshake. */
export interface Disclosure {
  readonly serverDid: string
  /** The badge that is current now; undefined when there is none. */
  readonly serverBadge?: string | undefined
  /** Answer to the client's nonce, when it sent one. */
  readonly pop?: PopResponse | undefined
}

/** Every name of ours, in both forms. */
export const IDENTITY_META_NAMES: ReadonlySet<string> = new Set(Object.values(META_NAMES).flat())

/**
 * The result of a handshake with the server's identity in it. Our own names are set, whatever
 * was there: only one identity is disclosed, and never one server's DID with another's badge.
 * All other names stay.
 *
 * A proof is for one client and one moment, so a result that carries one is never cached.
 */
export function discloseIdentity(result: Members, { serverDid, serverBadge, pop }: Disclosure): Members {
  const meta = isObject(result._meta) ? result._meta : {}
  const foreign = Object.fromEntries(Object.entries(meta).filter(([name]) => !IDENTITY_META_NAMES.has(name)))
  const disclosed = {
    ...result,
    _meta: {
      ...foreign,
      ...writeMeta({ serverDid, serverBadge }),
      ...(pop && popResponseToMeta(pop)),
    },
  }
  const isCacheable = 'ttlMs' in result || 'cacheScope' in result
  return pop !== undefined && isCacheable ? { ...disclosed, ttlMs: 0, cacheScope: 'private' } : disclosed
}
