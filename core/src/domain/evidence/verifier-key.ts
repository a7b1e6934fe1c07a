import { base64, hex } from '@scure/base'
import { ed25519KeyFlaw } from '../../lib/ed25519-key-form.ts'
import { sha256 } from '../../lib/sha256.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { decodeBase64 } from './strict-base64.ts'

/** Algorithm byte of a plain Ed25519 note signature. */
const ED25519_NOTE = 0x01

export const KEY_ID_BYTES = 4

/** What auditors are given to check a log's signatures with (evidence-log §1). */
export interface VerifierKey {
  /** Key name in signature lines; for a log key, the origin. */
  readonly name: string
  readonly keyId: Uint8Array
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
  /** Largest tree size that this log key may vouch for, when it was replaced. Absent: any. */
  readonly retiredAfter?: number
}

const utf8 = new TextEncoder()

/**
 * The verifier key of a name and an Ed25519 public key.
 *
 * @throws TypeError for a name that cannot stand in a note, or a key that must not be used
 */
export function createVerifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name))
    throw new TypeError(`Not a key name: ${JSON.stringify(name)}. It has no space, "+" or control character.`)
  if (ed25519KeyFlaw(publicKey) !== undefined) throw new TypeError('Not a usable Ed25519 public key.')
  const keyId = sha256(utf8.encode(`${name}\n`), algorithmAndKey(publicKey)).slice(0, KEY_ID_BYTES)
  return { name, keyId, publicKey }
}

/** The `vkey` string: name, key id and key, joined by `+`. */
export function formatVerifierKey({ name, keyId, publicKey }: VerifierKey): string {
  return `${name}+${hex.encode(keyId)}+${base64.encode(algorithmAndKey(publicKey))}`
}

/**
 * Reads a `vkey` string. The text may be attacker-controlled.
 *
 * @throws {EvidenceRefused} VKEY_MALFORMED, also when the key id does not belong to name and key
 */
export function parseVerifierKey(vkey: string): VerifierKey {
  // The base64 alphabet contains "+", so only the first two separate.
  const parts = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey)
  const [, name = '', keyId = '', encoded = ''] = parts ?? []
  const decoded = decodeBase64(encoded)
  if (!isKeyName(name) || decoded?.length !== 33 || decoded[0] !== ED25519_NOTE)
    throw malformed('is not name+keyid+key of Ed25519')
  const publicKey = decoded.slice(1)
  if (ed25519KeyFlaw(publicKey) !== undefined) throw malformed('holds a key under which anybody can forge')
  const key = createVerifierKey(name, publicKey)
  if (hex.encode(key.keyId) !== keyId) throw malformed('has a key id that belongs to another name or key')
  return key
}

/** One line, not empty, no Unicode space, no "+", no control character. */
export function isKeyName(name: string): boolean {
  return /^[^\s\p{Cc}+]+$/u.test(name) && name.isWellFormed()
}

function algorithmAndKey(publicKey: Uint8Array): Uint8Array {
  return Uint8Array.of(ED25519_NOTE, ...publicKey)
}

function malformed(what: string): EvidenceRefused {
  return new EvidenceRefused('VKEY_MALFORMED', `The verifier key ${what}. Copy it again from the log's owner.`)
}
