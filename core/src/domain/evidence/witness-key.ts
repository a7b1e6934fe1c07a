import { base64, hex } from '@scure/base'
import { ed25519KeyFlaw } from '../../lib/ed25519-key-form.ts'
import { sha256 } from '../../lib/sha256.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { decodeBase64 } from './strict-base64.ts'
import { isKeyName, KEY_ID_BYTES, type VerifierKey } from './verifier-key.ts'

/** Algorithm byte of a timestamped Ed25519 cosignature (C2SP tlog-cosignature). */
const COSIGNATURE = 0x04

const utf8 = new TextEncoder()

/** The key of a witness, which signs other people's checkpoints with a time (evidence-log §5.2). */
export interface WitnessKey extends VerifierKey {
  readonly algorithm: 'cosignature'
}

/**
 * Reads the `vkey` string of a witness. The text may be attacker-controlled.
 *
 * @throws {EvidenceRefused} VKEY_MALFORMED, also for the key of a log
 */
export function parseWitnessKey(vkey: string): WitnessKey {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey)
  const [, name = '', keyId = '', encoded = ''] = parts ?? []
  const decoded = decodeBase64(encoded)
  if (!isKeyName(name) || decoded?.length !== 33 || decoded[0] !== COSIGNATURE) {
    throw malformed('is not name+keyid+key of a witness')
  }
  const publicKey = decoded.slice(1)
  if (ed25519KeyFlaw(publicKey) !== undefined) throw malformed('holds a key under which anybody can forge')
  const expected = sha256(utf8.encode(`${name}\n`), decoded).slice(0, KEY_ID_BYTES)
  if (hex.encode(expected) !== keyId) throw malformed('has a key id that belongs to another name or key')
  return { algorithm: 'cosignature', name, keyId: expected, publicKey }
}

/** The `vkey` string of a witness. */
export function formatWitnessKey({ name, keyId, publicKey }: WitnessKey): string {
  return `${name}+${hex.encode(keyId)}+${base64.encode(Uint8Array.of(COSIGNATURE, ...publicKey))}`
}

function malformed(what: string): EvidenceRefused {
  return new EvidenceRefused('VKEY_MALFORMED', `The witness key ${what}. Copy it again from the witness.`)
}
