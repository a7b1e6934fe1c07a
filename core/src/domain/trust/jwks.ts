import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { DidRefused } from '../did/did-refused.ts'
import type { Ed25519PublicKey } from '../did/ed25519-public-key.ts'
import { keyThumbprint } from '../did/key-thumbprint.ts'
import { type P256PublicKey, p256Thumbprint, parseP256Jwk } from '../did/p256-public-key.ts'
import { parsePublicJwk } from '../did/public-jwk.ts'
import { TrustRefused } from './trust-refused.ts'

/** Longest key set that is parsed, in characters (badges.md §7). */
const MAX_JWKS_LENGTH = 1_048_576

/** Keys that are tried for a badge without `kid` (badges.md §7). */
const MAX_ATTEMPTS = 5

/** A key that an issuer signs badges with, and the one algorithm that it is for. */
export type IssuerKey = {
  readonly kid: string | undefined
  /** RFC 7638. */
  readonly thumbprint: string
} & (
  | { readonly algorithm: 'EdDSA'; readonly publicKey: Ed25519PublicKey }
  | { readonly algorithm: 'ES256'; readonly publicKey: P256PublicKey }
)

export interface JwksRules {
  /** Whether keys on P-256 can be used. Default false. */
  readonly allowEs256?: boolean
}

type Members = Readonly<Record<string, unknown>>

/**
 * Reads the usable keys of a JWKS, in its order; a single JWK counts as a set of one.
 *
 * A key that cannot be used is left out, and the rest stay: other kinds of key, keys for
 * other uses, weak keys, keys published with their private half, a `kid` that is not a
 * string. A `kid` that occurs twice names no key, so every key under it is left out,
 * whatever the kinds of the keys: which one is meant would depend on the reader.
 *
 * @param text attacker-controlled JSON
 * @throws {TrustRefused} when the document as a whole is not a key set
 */
export function parseJwks(text: string, { allowEs256 = false }: JwksRules = {}): readonly IssuerKey[] {
  const entries = parseKeySet(text)
  const uses = new Map<unknown, number>()
  for (const { kid } of entries) uses.set(kid, (uses.get(kid) ?? 0) + 1)
  return entries
    .filter(({ kid }) => kid === undefined || (typeof kid === 'string' && uses.get(kid) === 1))
    .flatMap((jwk) => usableKey(jwk, allowEs256))
}

/**
 * The keys that may have signed a badge: of those for its algorithm the one its `kid`
 * names, or without `kid` the first five.
 */
export function selectIssuerKeys(
  keys: readonly IssuerKey[],
  { kid, algorithm }: Pick<IssuerKey, 'kid' | 'algorithm'>,
): readonly IssuerKey[] {
  const fitting = keys.filter((key) => key.algorithm === algorithm)
  return kid === undefined ? fitting.slice(0, MAX_ATTEMPTS) : fitting.filter((key) => key.kid === kid)
}

/**
 * The entries of a JWKS as they are, usable or not; a single JWK counts as a set of one.
 *
 * @param text attacker-controlled JSON
 * @throws {TrustRefused} when the document as a whole is not a key set
 */
export function parseKeySet(text: string): readonly Members[] {
  if (text.length > MAX_JWKS_LENGTH) {
    throw new TrustRefused('JWKS_TOO_LARGE', `The key set is longer than ${MAX_JWKS_LENGTH} characters`)
  }
  return entriesOf(parseObject(text))
}

function parseObject(text: string): Members {
  try {
    return parseStrictJsonObject(text)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new TrustRefused('JWKS_MALFORMED', 'The key set is not a JSON object with unique names', { cause })
  }
}

function entriesOf(document: Members): readonly Members[] {
  const { keys } = document
  if (keys === undefined && document.kty !== undefined) return [document]
  if (!Array.isArray(keys)) throw new TrustRefused('JWKS_MALFORMED', 'The key set has no array named keys')
  return keys.filter((entry: unknown): entry is Members => typeof entry === 'object' && entry !== null)
}

/** The key of an entry, if it is of a kind that can be used. */
function usableKey(jwk: Members, allowEs256: boolean): IssuerKey[] {
  const kid = typeof jwk.kid === 'string' ? jwk.kid : undefined
  try {
    if (allowEs256 && jwk.kty === 'EC') {
      const publicKey = parseP256Jwk(jwk)
      return [{ kid, algorithm: 'ES256', publicKey, thumbprint: p256Thumbprint(publicKey) }]
    }
    const publicKey = parsePublicJwk(jwk)
    return [{ kid, algorithm: 'EdDSA', publicKey, thumbprint: keyThumbprint(publicKey) }]
  } catch (refused) {
    if (refused instanceof DidRefused) return []
    throw refused
  }
}
