import { encodeBase64url } from '../../lib/base64url.ts'
import { sha256Base64url } from '../../lib/sha256.ts'
import type { Random } from '../../ports/random.ts'
import { RegistryRefused } from './registry-refused.ts'

/**
 * What the holder of an API key may do for its account. `admin` may do everything, for every
 * account, and is the only one that makes keys, sets levels and disables agents.
 */
export const SCOPES = ['admin', 'agents:write', 'servers:write', 'badges:issue'] as const

export type Scope = (typeof SCOPES)[number]

/** Shows what the text is, to people and to scanners for leaked secrets. */
export const API_KEY_PREFIX = 'cpr_'

/** Longer keys than anybody makes cost nothing. */
const MAX_KEY_LENGTH = 512

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** A new key: `cpr_` and 43 characters. It is shown once; only its hash is kept. */
export function createApiKey(random: Random): { readonly key: string; readonly hash: string } {
  const key = API_KEY_PREFIX + encodeBase64url(random.bytes(32))
  return { key, hash: sha256Base64url(key) }
}

/**
 * What a presented key is looked up by; `undefined` for what cannot be one. The time of the
 * lookup tells nothing about a stored key: it depends on the hash only.
 */
export function hashPresentedKey(key: string): string | undefined {
  return key.length > MAX_KEY_LENGTH || !key.startsWith(API_KEY_PREFIX) ? undefined : sha256Base64url(key)
}

/** @throws {RegistryRefused} invalid_request */
export function checkKeyName(name: string, what: 'API key' | 'account'): void {
  if (NAME.test(name)) return
  const rule = 'has 1 to 64 letters, digits, ".", "_" or "-" and begins with a letter or digit'
  throw new RegistryRefused('invalid_request', `The name of an ${what} ${rule}.`)
}

/** @throws {RegistryRefused} invalid_request */
export function parseScopes(scopes: readonly string[]): readonly Scope[] {
  const known = SCOPES.filter((scope) => scopes.includes(scope))
  if (known.length === 0 || known.length !== new Set(scopes).size) {
    throw new RegistryRefused('invalid_request', `Scopes are one or more of ${SCOPES.join(', ')}.`)
  }
  return known
}
