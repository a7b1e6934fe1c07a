// Stands in for ../sha256.ts where there is no node:crypto (`browser` in package.json).
import { sha256 as createSha256 } from '@noble/hashes/sha2.js'
import { base64urlnopad } from '@scure/base'

/** SHA-256 of the parts, one after the other. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const digest = createSha256.create()
  for (const part of parts) digest.update(part)
  return digest.digest()
}

/** SHA-256 of UTF-8 text as base64url, 43 characters. */
export function sha256Base64url(text: string): string {
  return base64urlnopad.encode(sha256(new TextEncoder().encode(text)))
}
