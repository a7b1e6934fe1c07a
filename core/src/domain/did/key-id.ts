import { encodeBase64url } from '../../lib/base64url.ts'
import { sha256 } from '../../lib/sha256.ts'

/** The name of a key that nobody named: `key-` and 6 characters of its hash (badges.md §15). */
export function defaultKeyId(publicKey: Uint8Array): string {
  return `key-${encodeBase64url(sha256(publicKey).slice(0, 4))}`
}

/** It names files and stands in logs: no path, nothing hidden, nothing that looks like an option. */
const KEY_ID = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/** What is wrong with the name of a key; absent when nothing is. */
export function checkKeyId(id: string): string | undefined {
  if (KEY_ID.test(id)) return undefined
  return 'must have 1 to 128 letters, digits, ".", "_" or "-" and begin with a letter, a digit or "_"'
}
