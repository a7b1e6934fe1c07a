import { base64 } from '@scure/base'
import type { Ed25519Signer, Ed25519Verifier } from '../../ports/ed25519.ts'
import { bytesEqual } from './bytes-equal.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { decodeBase64 } from './strict-base64.ts'
import { KEY_ID_BYTES, type VerifierKey } from './verifier-key.ts'

/** Largest note that is read. */
const MAX_NOTE_BYTES = 1024 * 1024
const MAX_SIGNATURES = 100

const utf8 = new TextEncoder()
// A byte order mark is part of the signed bytes: it is kept and then fails as text.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Signs a text as a C2SP note (evidence-log §5). The signature covers the text with its
 * last newline and nothing else.
 *
 * @param key names the signer; its public key is the signer's
 */
export function signNote(text: string, key: VerifierKey, signer: Ed25519Signer): Uint8Array {
  if (!text.endsWith('\n')) throw new TypeError('The text of a note ends with a newline.')
  const signature = signer.sign(utf8.encode(text))
  const line = `\u2014 ${key.name} ${base64.encode(Uint8Array.of(...key.keyId, ...signature))}\n`
  return utf8.encode(`${text}\n${line}`)
}

/**
 * The text of a note that at least one of the keys signed. The bytes are
 * attacker-controlled; nothing in the text is looked at before a signature has verified.
 * Lines of unknown keys are ignored; a wrong line of a known key refuses the note.
 *
 * @throws {EvidenceRefused} NOTE_MALFORMED, NOTE_SIGNATURE_INVALID or NOTE_UNSIGNED
 */
export function openNote(note: Uint8Array, keys: readonly VerifierKey[], verifier: Ed25519Verifier): string {
  const { text, signatures } = splitNote(note)
  const signed = utf8.encode(text)
  const seen = new Set<VerifierKey>()
  for (const { name, keyId, signature } of signatures) {
    const key = keys.find((known) => known.name === name && bytesEqual(known.keyId, keyId))
    if (key === undefined) continue
    // Neither may a second copy count as a second opinion.
    if (seen.has(key)) throw new EvidenceRefused('NOTE_SIGNATURE_INVALID', `The key ${name} signed the note twice.`)
    seen.add(key)
    if (signature.length !== 64 || !verifier.verify(key.publicKey, signed, signature)) {
      throw new EvidenceRefused('NOTE_SIGNATURE_INVALID', `The signature of ${name} does not verify.`)
    }
  }
  if (seen.size === 0)
    throw new EvidenceRefused('NOTE_UNSIGNED', 'No known key signed the note. Check the verifier key.')
  return text
}

interface NoteSignature {
  readonly name: string
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
}

function splitNote(note: Uint8Array): { text: string; signatures: NoteSignature[] } {
  if (note.length > MAX_NOTE_BYTES) throw malformed('is larger than 1 MiB')
  let whole: string
  try {
    whole = strictUtf8.decode(note)
  } catch (cause) {
    throw malformed('is not UTF-8', cause)
  }
  if (/[\0-\x09\x0b-\x1f]/.test(whole)) throw malformed('holds a control character')
  if (!whole.endsWith('\n')) throw malformed('does not end with a newline')
  const blank = whole.lastIndexOf('\n\n')
  if (blank < 0) throw malformed('has no blank line before its signatures')
  const lines = whole.slice(blank + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw malformed(`has more than ${MAX_SIGNATURES} signatures`)
  return { text: whole.slice(0, blank + 1), signatures: lines.map(parseSignatureLine) }
}

function parseSignatureLine(line: string): NoteSignature {
  const [, name = '', encoded = ''] = /^\u2014 ([^\s\p{Cc}+]+) (\S+)$/u.exec(line) ?? []
  const bytes = decodeBase64(encoded)
  if (bytes === undefined || bytes.length <= KEY_ID_BYTES)
    throw malformed('has a line that is not a signature where one belongs')
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) }
}

function malformed(what: string, cause?: unknown): EvidenceRefused {
  return new EvidenceRefused('NOTE_MALFORMED', `The signed note ${what}.`, cause === undefined ? {} : { cause })
}
