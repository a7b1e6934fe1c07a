const ALPHABET = /^[A-Za-z0-9_-]*$/

/** Encodes without padding (RFC 4648 §5). */
export function encodeBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/**
 * Decodes strictly: only the URL alphabet, no padding, no left-over bits. Two different
 * texts never decode to the same bytes. Returns `undefined` for anything else.
 */
export function decodeBase64url(text: string): Uint8Array | undefined {
  if (!ALPHABET.test(text) || text.length % 4 === 1) return undefined
  const bytes = Buffer.from(text, 'base64url')
  // Left-over bits that are not zero would make a second spelling of the same bytes.
  return bytes.toString('base64url') === text ? new Uint8Array(bytes) : undefined
}
