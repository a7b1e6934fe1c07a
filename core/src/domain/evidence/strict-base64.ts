import { base64 } from '@scure/base'

/**
 * Decodes standard base64 with padding (RFC 4648 §4). `undefined` for anything that is not
 * the one spelling of its bytes: lenient decoders skip spaces and accept left-over bits.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  try {
    const bytes = base64.decode(text)
    return base64.encode(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
