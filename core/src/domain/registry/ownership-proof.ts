import { BadgeRefused } from '../badge/badge-refused.ts'
import { type CompactJws, parseCompactJws, type SignedParts, signedPartsOf } from '../badge/compact-jws.ts'
import { isTokenOf, TOKEN_TYPES } from '../badge/token-type.ts'
import { RegistryRefused } from './registry-refused.ts'

/** Longest life of a proof, in seconds. */
export const MAX_PROOF_SECONDS = 60

/** Tolerated difference of clocks, in seconds (registry.md §5.3). */
export const PROOF_SKEW_SECONDS = 60

/** What a proof says. Nothing is verified. Times are whole Unix seconds. */
export interface OwnershipProof {
  readonly alg: 'EdDSA' | 'ES256'
  /** DID URL of the key that is said to have signed. */
  readonly kid: string
  readonly sub: string
  readonly aud: string
  readonly htu: string
  readonly htm: string
  readonly iat: number
  readonly exp: number
  readonly jti: string
  /** Challenge id and nonce; absent in proofs that answer no challenge. */
  readonly cid: string | undefined
  readonly nonce: string | undefined
  readonly signed: SignedParts
}

const MAX_TEXT = 2048

/**
 * Steps 6 and 7 of registry.md §5.3: a compact JWS of type `pop+jwt` whose claims are there
 * and of their types.
 *
 * @param token attacker-controlled
 * @throws {RegistryRefused} invalid_proof
 */
export function parseOwnershipProof(token: string): OwnershipProof {
  const { header, payload } = parseJws(token)
  const { alg, kid } = header
  // Nothing else that the key signed counts as a proof (badges.md §2.1).
  if (!isTokenOf('ownershipProof', header)) throw invalid(`typ must be ${TOKEN_TYPES.ownershipProof}`)
  if (alg !== 'EdDSA' && alg !== 'ES256') throw invalid('alg must be EdDSA or ES256')
  // No extension is known here, so none may be critical; b64 is one that changes what is signed.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw invalid('crit and b64 must be absent')
  if (!isText(kid) || kid.includes('?')) throw invalid('kid must be a DID URL without query')
  const text = (name: string): string => {
    const value = payload[name]
    if (!isText(value)) throw invalid(`${name} must be a text`)
    return value
  }
  const time = (name: string): number => {
    const value = payload[name]
    if (!Number.isSafeInteger(value)) throw invalid(`${name} must be a time in whole seconds`)
    return value as number
  }
  const optional = (name: string): string | undefined => (payload[name] === undefined ? undefined : text(name))
  return {
    alg,
    kid,
    sub: text('sub'),
    aud: text('aud'),
    htu: text('htu'),
    htm: text('htm'),
    iat: time('iat'),
    exp: time('exp'),
    jti: text('jti'),
    cid: optional('cid'),
    nonce: optional('nonce'),
    signed: signedPartsOf(token),
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT
}

function parseJws(token: string): CompactJws {
  try {
    return parseCompactJws(token)
  } catch (cause) {
    if (!(cause instanceof BadgeRefused)) throw cause
    throw invalid('it must be a compact JWS of JSON objects', { cause })
  }
}

function invalid(reason: string, options?: ErrorOptions): RegistryRefused {
  return new RegistryRefused('invalid_proof', `The proof cannot be used: ${reason}.`, options)
}
