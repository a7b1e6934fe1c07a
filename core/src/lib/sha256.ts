import { createHash, hash } from 'node:crypto'

/** SHA-256 of the parts, one after the other. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return new Uint8Array(hash('sha256', only, 'buffer'))
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return new Uint8Array(digest.digest())
}

/** SHA-256 of UTF-8 text as base64url, 43 characters. */
export function sha256Base64url(text: string): string {
  return hash('sha256', text, 'base64url')
}
