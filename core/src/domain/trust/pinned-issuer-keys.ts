import { encodeBase64url } from '../../lib/base64url.ts'
import type { IssuerKeySet, IssuerKeySource } from '../../ports/issuer-keys.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { parseKeySet } from './jwks.ts'
import { TrustRefused } from './trust-refused.ts'
import type { TrustedIssuerKey } from './trusted-key.ts'

type Members = Readonly<Record<string, unknown>>

/** The pinned keys to add, as of some version of them. */
export interface PinnedKeys {
  readonly version: string
  readonly issuerKeys: readonly TrustedIssuerKey[]
}

/**
 * Key sets with the pinned keys of their issuers added.
 *
 * A pinned key counts also while the issuer's own set cannot be had or read: that is what
 * it was pinned for. Where the set and the pin name two different keys by one `kid`,
 * neither counts: which one is meant is for a person to find out. An issuer without pinned
 * keys has its own set, unchanged.
 */
export function createPinnedIssuerKeys(source: IssuerKeySource, pinned: () => PinnedKeys): IssuerKeySource {
  // One entry per issuer with pinned keys: the operator's, not the callers', number.
  const latest = new Map<string, IssuerKeySet>()

  async function merged(issuer: string, own: Promise<IssuerKeySet>): Promise<IssuerKeySet> {
    const { version, issuerKeys } = pinned()
    const pins = issuerKeys.filter((key) => key.issuer === issuer)
    if (pins.length === 0) return own
    const set = await own.catch(absentIfUnavailable)
    const joint = `${version} ${set?.version ?? ''}`
    const known = latest.get(issuer)
    if (known?.version === joint) return known
    const result = { version: joint, jwks: withPins(set?.jwks, pins) }
    latest.set(issuer, result)
    return result
  }

  return {
    keySet: (issuer) => merged(issuer, source.keySet(issuer)),
    freshenFor: (issuer, kid) => merged(issuer, source.freshenFor(issuer, kid)),
  }
}

/**
 * Puts the pins before the issuer's own entries, because only a few keys are tried for a
 * badge that names none. An equal entry gives way; a different one of the same `kid` stays,
 * and readers then take neither.
 */
function withPins(jwks: string | undefined, pins: readonly TrustedIssuerKey[]): string {
  const pinned = pins.map(({ kid, publicKey }) => ({ kty: 'OKP', crv: 'Ed25519', kid, x: encodeBase64url(publicKey) }))
  // An entry with its private half stays: the key is lost, and so its pin must not count.
  const isPinned = (entry: Members): boolean =>
    !Object.hasOwn(entry, 'd') &&
    pinned.some(({ kid, kty, x }) => kid === entry['kid'] && kty === entry['kty'] && x === entry['x'])
  return JSON.stringify({ keys: [...pinned, ...entriesOf(jwks).filter((entry) => !isPinned(entry))] })
}

/** The entries as they are, whatever kinds of key readers know; none when it is no key set. */
function entriesOf(jwks: string | undefined): readonly Members[] {
  try {
    return jwks === undefined ? [] : parseKeySet(jwks)
  } catch (refused) {
    if (refused instanceof TrustRefused) return []
    throw refused
  }
}

function absentIfUnavailable(cause: unknown): undefined {
  if (cause instanceof SourceUnavailable) return undefined
  throw cause
}
