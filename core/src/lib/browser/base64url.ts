// Stands in for ../base64url.ts where there is no `Buffer` (`browser` in package.json).
import { base64urlnopad } from '@scure/base'

/** Encodes without padding (RFC 4648 §5). */
export function encodeBase64url(bytes: Uint8Array): string {
  return base64urlnopad.encode(bytes)
}

/**
 * Decodes strictly: only the URL alphabet, no padding, no left-over bits. Two different
 * texts never decode to the same bytes. Returns `undefined` for anything else.
 */
export function decodeBase64url(text: string): Uint8Array | undefined {
  try {
    return base64urlnopad.decode(text)
  } catch {
    return undefined
  }
}
