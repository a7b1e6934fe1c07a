import { KeyFormat } from '@capiscio/proto/v1'
import { DidRefused } from '../../domain/did/did-refused.ts'
import { type Ed25519PublicKey, parseEd25519PublicKey } from '../../domain/did/ed25519-public-key.ts'
import { parsePublicJwk } from '../../domain/did/public-jwk.ts'
import { parsePublicKeyPem, parseSpkiKey } from '../../domain/did/spki-key.ts'
import { parseStrictJsonObject } from '../../lib/strict-json.ts'

/** Longest key that is looked at, in bytes. */
const MAX_BYTES = 8192

export interface GivenPublicKey {
  readonly publicKey: Ed25519PublicKey
  /** Only a JWK has one. */
  readonly kid: string | undefined
}

/**
 * Reads a public key in the form that the caller names. Without a form it is told by its
 * first bytes; 32 bytes are the raw key, as `GenerateKeyPair` returns it.
 *
 * @param bytes attacker-controlled
 * @throws {DidRefused} KEY_MALFORMED, KEY_PRIVATE, KEY_WEAK
 */
export function parseOldPublicKey(bytes: Uint8Array, format: KeyFormat): GivenPublicKey {
  if (bytes.length > MAX_BYTES) throw new DidRefused('KEY_MALFORMED', `A public key has at most ${MAX_BYTES} bytes`)
  switch (format) {
    case KeyFormat.UNSPECIFIED:
      if (bytes.length === 32) return { publicKey: parseEd25519PublicKey(bytes), kid: undefined }
      return parseOldPublicKey(bytes, formOf(bytes))
    case KeyFormat.JWK:
      return parseJwk(toText(bytes))
    case KeyFormat.PEM:
      return { publicKey: parsePublicKeyPem(toText(bytes)), kid: undefined }
    case KeyFormat.DER:
      return { publicKey: parseSpkiKey(bytes), kid: undefined }
    default:
      throw new DidRefused('KEY_MALFORMED', 'The format of a key is JWK, PEM or DER')
  }
}

function formOf(bytes: Uint8Array): KeyFormat {
  const start = toText(bytes.subarray(0, 64)).trimStart()
  if (start.startsWith('{')) return KeyFormat.JWK
  return start.startsWith('-----') ? KeyFormat.PEM : KeyFormat.DER
}

function parseJwk(text: string): GivenPublicKey {
  let jwk: Readonly<Record<string, unknown>> | undefined
  try {
    jwk = parseStrictJsonObject(text)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
  }
  const publicKey = parsePublicJwk(jwk)
  return { publicKey, kid: typeof jwk?.['kid'] === 'string' ? jwk['kid'] : undefined }
}

/** Bytes that are no UTF-8 become a text that is no key. */
function toText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
