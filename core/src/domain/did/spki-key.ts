import { DidRefused } from './did-refused.ts'
import { type Ed25519PublicKey, parseEd25519PublicKey } from './ed25519-public-key.ts'

/** DER of an Ed25519 SubjectPublicKeyInfo up to the 32 key bytes (RFC 8410 §4); nothing else may follow them. */
const PREFIX = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00] as const

const PEM = /^-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]{1,128})-----END PUBLIC KEY-----\s*$/

/**
 * Reads an Ed25519 public key from DER, SubjectPublicKeyInfo.
 *
 * @param der attacker-controlled
 * @throws {DidRefused} KEY_MALFORMED, KEY_WEAK
 */
export function parseSpkiKey(der: Uint8Array): Ed25519PublicKey {
  if (der.length !== PREFIX.length + 32 || PREFIX.some((byte, index) => der[index] !== byte)) {
    throw new DidRefused('KEY_MALFORMED', 'The bytes are not an Ed25519 public key in DER (SubjectPublicKeyInfo)')
  }
  return parseEd25519PublicKey(der.subarray(PREFIX.length))
}

/**
 * The same from PEM.
 *
 * @param pem attacker-controlled
 * @throws {DidRefused} KEY_PRIVATE, KEY_MALFORMED, KEY_WEAK
 */
export function parsePublicKeyPem(pem: string): Ed25519PublicKey {
  if (pem.includes('PRIVATE KEY-----')) {
    throw new DidRefused('KEY_PRIVATE', 'The PEM holds a private key: give only its public half')
  }
  const [, body = ''] = PEM.exec(pem) ?? []
  return parseSpkiKey(decodeBase64(body.replace(/\s/g, '')))
}

/** Standard base64 with padding; anything else gives no key. */
function decodeBase64(text: string): Uint8Array {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    // One spelling only, as everywhere else.
    return btoa(String.fromCharCode(...bytes)) === text ? bytes : new Uint8Array()
  } catch {
    return new Uint8Array()
  }
}
