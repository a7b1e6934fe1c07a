import { encodeBase64url } from '../../lib/base64url.ts'
import { sha256 } from '../../lib/sha256.ts'

/** The name of a key that nobody named: `key-` and 6 characters of its hash (badges.md §15). */
export function defaultKeyId(publicKey: Uint8Array): string {
  return `key-${encodeBase64url(sha256(publicKey).slice(0, 4))}`
}
