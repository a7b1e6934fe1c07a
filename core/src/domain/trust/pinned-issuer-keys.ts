import { encodeBase64url } from '../../lib/base64url.ts'
import type { IssuerKeySet, IssuerKeySource } from '../../ports/issuer-keys.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { keyThumbprint } from '../did/key-thumbprint.ts'
import { type IssuerKey, parseJwks } from './jwks.ts'
import { TrustRefused } from './trust-refused.ts'
import type { TrustedIssuerKey } from './trusted-key.ts'

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
    const keys = withPins(set === undefined ? [] : usableKeys(set.jwks), pins)
    const result = { version: joint, jwks: toJwks(keys) }
    latest.set(issuer, result)
    return result
  }

  return {
    keySet: (issuer) => merged(issuer, source.keySet(issuer)),
    freshenFor: (issuer, kid) => merged(issuer, source.freshenFor(issuer, kid)),
  }
}

/** Equal keys become one; both keys stay where one `kid` names two, and readers then take neither. */
function withPins(own: readonly IssuerKey[], pins: readonly TrustedIssuerKey[]): readonly IssuerKey[] {
  const added = pins
    .map(({ kid, publicKey }) => ({ kid, publicKey, thumbprint: keyThumbprint(publicKey) }))
    .filter((pin) => !own.some(({ kid, thumbprint }) => kid === pin.kid && thumbprint === pin.thumbprint))
  // First, because only a few keys are tried for a badge that names none.
  return [...added, ...own]
}

function usableKeys(jwks: string): readonly IssuerKey[] {
  try {
    return parseJwks(jwks)
  } catch (refused) {
    if (refused instanceof TrustRefused) return []
    throw refused
  }
}

function toJwks(keys: readonly IssuerKey[]): string {
  return JSON.stringify({
    keys: keys.map(({ kid, publicKey }) => ({ kty: 'OKP', crv: 'Ed25519', kid, x: encodeBase64url(publicKey) })),
  })
}

function absentIfUnavailable(cause: unknown): undefined {
  if (cause instanceof SourceUnavailable) return undefined
  throw cause
}
