import { API_KEY_META_NAMES, BADGE_META_NAMES } from '@capiscio/proto/mcp'
import type { CredentialInput } from './caller-credential.ts'
import { toCallerCredential } from './caller-credential.ts'

/**
 * What a client adds to the `_meta` of a `tools/call` so that the server can see its
 * credential: both spellings with the same value. The result holds the secret: send it
 * only to a server that you have verified.
 *
 * @throws TypeError for an invalid credential, and for a badge callback: call it first and pass the string.
 */
export function credentialToMeta(credential: CredentialInput): Record<string, string> {
  const checked = toCallerCredential(credential)
  const secret = checked.reveal()
  if (typeof secret === 'function') {
    throw new TypeError('credentialToMeta needs the badge itself: call the badge callback and pass its result.')
  }
  const names = checked.kind === 'badge' ? BADGE_META_NAMES : API_KEY_META_NAMES
  return Object.fromEntries(names.map((name) => [name, secret]))
}
