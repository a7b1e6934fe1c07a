import { encodeBase64url } from '../../lib/base64url.ts'
import { sha256Base64url } from '../../lib/sha256.ts'
import type { Random } from '../../ports/random.ts'

/** An API key as the core knows it: who it stands for, and what its hash is. */
export interface ApiKeyEntry {
  /** The caller's principal is `apikey:` and this name. */
  readonly name: string
  /** `sha256:` + base64url of the SHA-256 of the key's UTF-8 bytes. */
  readonly hash: string
}

/** The API keys of a core. */
export interface ApiKeyRing {
  /**
   * The name that a key stands for. The key is attacker-controlled and secret. It is hashed
   * first and only its hash is looked up: the time tells nothing about a configured key.
   */
  lookup(key: string): string | undefined
}

/** Letters, digits, `.`, `_` and `-`, beginning with a letter or digit: it goes into records and logs. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const HASH = /^sha256:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** Longer keys than anybody makes cost nothing. */
const MAX_KEY_LENGTH = 4096

const EMPTY_KEY_HASH = hashApiKey('')

/** What is wrong with the name of an API key; absent when nothing is. */
export function checkApiKeyName(name: string): string | undefined {
  if (NAME.test(name)) return undefined
  return 'The name of an API key has 1 to 64 letters, digits, ".", "_" or "-" and begins with a letter or digit'
}

/** What is wrong with the hash of an API key; absent when nothing is. */
export function checkApiKeyHash(hash: string): string | undefined {
  if (!HASH.test(hash)) {
    return 'The hash of an API key is sha256: and 43 characters of base64url: make one with capiscio apikey create'
  }
  return hash === EMPTY_KEY_HASH ? 'This is the hash of an empty key: make one with capiscio apikey create' : undefined
}

/** `sha256:` + base64url of the SHA-256 of the key's UTF-8 bytes. */
export function hashApiKey(key: string): string {
  return `sha256:${sha256Base64url(key)}`
}

/**
 * A new key, `cpk_` and 43 characters, with the entry to configure. Whoever holds the key
 * is its caller, and it cannot be made again from the entry.
 *
 * @throws {TypeError} for a name that `checkApiKeyName` objects to
 */
export function createApiKey(name: string, random: Random): { readonly key: string; readonly entry: ApiKeyEntry } {
  const problem = checkApiKeyName(name)
  if (problem !== undefined) throw new TypeError(problem)
  const key = `cpk_${encodeBase64url(random.bytes(32))}`
  return { key, entry: { name, hash: hashApiKey(key) } }
}

/**
 * @throws {TypeError} for a bad name or hash, and for a name or hash that is given twice:
 *   a record must name one caller
 */
export function createApiKeyRing(entries: readonly ApiKeyEntry[]): ApiKeyRing {
  const names = new Map<string, string>()
  const seen = new Set<string>()
  for (const [index, { name, hash }] of entries.entries()) {
    const problem = checkApiKeyName(name) ?? checkApiKeyHash(hash)
    if (problem !== undefined) throw new TypeError(`API key ${index}: ${problem}`)
    if (seen.has(name)) throw new TypeError(`API key ${index}: the name ${name} is given twice`)
    if (names.has(hash)) throw new TypeError(`API key ${index}: the hash is the same as that of ${names.get(hash)}`)
    seen.add(name)
    names.set(hash, name)
  }
  return {
    lookup: (key) => (key.length > MAX_KEY_LENGTH ? undefined : names.get(hashApiKey(key))),
  }
}
