/** DER of an Ed25519 SubjectPublicKeyInfo up to the 32 key bytes (RFC 8410 §4), in base64. */
const SPKI = 'MCowBQYDK2VwAyEA'

/**
 * The 32 bytes of an Ed25519 public key, as unpadded base64url, from any form that registries
 * speak (registry.md §10.1): base64, a JWK as JSON text, or PEM. Undefined for anything else.
 * For comparing only: whether the bytes are a good key is not looked at.
 */
export function publicKeyBytesText(text: string): string | undefined {
  const encoded = text.trimStart().startsWith('{') ? jwkX(text) : text.includes('-----BEGIN') ? pemBody(text) : text
  const plain = encoded?.trim().replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  return plain !== undefined && /^[A-Za-z0-9_-]{43}$/.test(plain) ? plain : undefined
}

function jwkX(text: string): string | undefined {
  try {
    const { crv, x } = JSON.parse(text) as { crv?: unknown; x?: unknown }
    return crv === 'Ed25519' && typeof x === 'string' ? x : undefined
  } catch {
    return undefined
  }
}

function pemBody(text: string): string | undefined {
  const [, body = ''] = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(text) ?? []
  const der = body.replace(/\s/g, '')
  return der.startsWith(SPKI) ? der.slice(SPKI.length) : undefined
}
