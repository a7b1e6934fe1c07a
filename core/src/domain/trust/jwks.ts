import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { DidRefused } from '../did/did-refused.ts'
import type { Ed25519PublicKey } from '../did/ed25519-public-key.ts'
import { keyThumbprint } from '../did/key-thumbprint.ts'
import { parsePublicJwk } from '../did/public-jwk.ts'
import { TrustRefused } from './trust-refused.ts'

/** Longest key set that is parsed, in characters (badges.md §7). */
const MAX_JWKS_LENGTH = 1_048_576

/** Keys that are tried for a badge without `kid` (badges.md §7). */
const MAX_ATTEMPTS = 5

/** A key that an issuer signs badges with. */
export interface IssuerKey {
  readonly kid: string | undefined
  readonly publicKey: Ed25519PublicKey
  /** RFC 7638. */
  readonly thumbprint: string
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
export function parseJwks(text: string): readonly IssuerKey[] {
  if (text.length > MAX_JWKS_LENGTH) {
    throw new TrustRefused('JWKS_TOO_LARGE', `The key set is longer than ${MAX_JWKS_LENGTH} characters`)
  }
  const entries = entriesOf(parseObject(text))
  const uses = new Map<unknown, number>()
  for (const { kid } of entries) uses.set(kid, (uses.get(kid) ?? 0) + 1)
  return entries
    .filter(({ kid }) => kid === undefined || (typeof kid === 'string' && uses.get(kid) === 1))
    .flatMap(toIssuerKey)
}

/**
 * The keys that may have signed a badge: the one its `kid` names, or without `kid` the
 * first five.
 */
export function selectIssuerKeys(keys: readonly IssuerKey[], kid: string | undefined): readonly IssuerKey[] {
  return kid === undefined ? keys.slice(0, MAX_ATTEMPTS) : keys.filter((key) => key.kid === kid)
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

function toIssuerKey(jwk: Members): IssuerKey[] {
  try {
    const publicKey = parsePublicJwk(jwk)
    const kid = typeof jwk.kid === 'string' ? jwk.kid : undefined
    return [{ kid, publicKey, thumbprint: keyThumbprint(publicKey) }]
  } catch (refused) {
    if (refused instanceof DidRefused) return []
    throw refused
  }
}
