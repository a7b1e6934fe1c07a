import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { DidRefused } from '../did/did-refused.ts'
import { type Ed25519PublicKey, parseEd25519PublicKey } from '../did/ed25519-public-key.ts'
import { parsePublicJwk } from '../did/public-jwk.ts'
import { RegistryRefused } from './registry-refused.ts'

const MAX_KEY_LENGTH = 4096

const PEM = /^\s*-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]{1,2000})-----END \1-----\s*$/

/** DER of an Ed25519 SubjectPublicKeyInfo up to the 32 key bytes (RFC 8410 §4). */
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00)

/**
 * Reads a public Ed25519 key in any form that clients send (registry.md §10.1): 32 raw bytes
 * in base64 or base64url, a JWK as JSON text, or a SubjectPublicKeyInfo as PEM.
 *
 * A private key is refused and forgotten. It crossed a network, so its owner is told to
 * replace it.
 *
 * @param text attacker-controlled
 * @throws {RegistryRefused} invalid_public_key, private_key_sent
 */
export function parsePublicKey(text: string): Ed25519PublicKey {
  if (text.length > MAX_KEY_LENGTH) throw malformed(`it is longer than ${MAX_KEY_LENGTH} characters`)
  try {
    if (text.trimStart().startsWith('{')) return parsePublicJwk(parseStrictJsonObject(text))
    if (text.includes('-----BEGIN')) return parsePem(text)
    return parseEd25519PublicKey(decodeBase64(text) ?? new Uint8Array())
  } catch (cause) {
    if (cause instanceof DidRefused && cause.code === 'KEY_PRIVATE') throw privateKeySent()
    if (cause instanceof DidRefused) throw malformed(cause.message, { cause })
    if (cause instanceof SyntaxError) throw malformed('its JSON cannot be read', { cause })
    throw cause
  }
}

function parsePem(text: string): Ed25519PublicKey {
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) throw privateKeySent()
  const [, label, body = ''] = PEM.exec(text) ?? []
  const der = decodeBase64(body.replace(/[\r\n]/g, ''))
  const isSpki = label === 'PUBLIC KEY' && der?.length === 44 && SPKI_PREFIX.every((byte, index) => der[index] === byte)
  if (der === undefined || !isSpki) throw malformed('the PEM is not an Ed25519 SubjectPublicKeyInfo')
  return parseEd25519PublicKey(der.subarray(SPKI_PREFIX.length))
}

/** One spelling in each alphabet; `undefined` for everything else. */
function decodeBase64(text: string): Uint8Array | undefined {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
  if (!/^[A-Za-z0-9+/]+$/.test(standard) || standard.length % 4 === 1) return undefined
  return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0))
}

function privateKeySent(): RegistryRefused {
  return new RegistryRefused(
    'private_key_sent',
    'This is a private key, and it was sent over the network: it was not stored. Make a new key pair and send only its public half.',
  )
}

function malformed(reason: string, options?: ErrorOptions): RegistryRefused {
  return new RegistryRefused(
    'invalid_public_key',
    `The public key cannot be used: ${reason}. Send 32 bytes in base64, a JWK as JSON text, or a PEM.`,
    options,
  )
}
