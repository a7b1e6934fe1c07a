import { base64 } from '@scure/base'
import type { Ed25519Signer, Ed25519Verifier } from '../../ports/ed25519.ts'
import { bytesEqual } from './bytes-equal.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { decodeBase64 } from './strict-base64.ts'
import { KEY_ID_BYTES, type VerifierKey } from './verifier-key.ts'
import type { WitnessKey } from './witness-key.ts'

/** Largest note that is read. */
const MAX_NOTE_BYTES = 1024 * 1024
const MAX_SIGNATURES = 100

const utf8 = new TextEncoder()
// A byte order mark is part of the signed bytes: it is kept and then fails as text.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Who signs a note: the key names the signer, whose public key it holds. */
export interface NoteSigner {
  readonly key: VerifierKey
  readonly signer: Ed25519Signer
}

/**
 * Signs a text as a C2SP note (evidence-log §5). The signature covers the text with its
 * last newline and nothing else.
 *
 * @param key names the signer; its public key is the signer's
 */
export function signNote(text: string, key: VerifierKey, signer: Ed25519Signer): Uint8Array {
  return signNoteByAll(text, [{ key, signer }])
}

/** Signs a text by several keys, a line for each in their order, as during a key rotation (evidence-log §5.1). */
export function signNoteByAll(text: string, signers: readonly NoteSigner[]): Uint8Array {
  if (!text.endsWith('\n')) throw new TypeError('The text of a note ends with a newline.')
  const signed = utf8.encode(text)
  const lines = signers.map(
    ({ key, signer }) => `\u2014 ${key.name} ${base64.encode(Uint8Array.of(...key.keyId, ...signer.sign(signed)))}\n`,
  )
  return utf8.encode(`${text}\n${lines.join('')}`)
}

/** A note that somebody known signed. */
export interface OpenedNote {
  readonly text: string
  /** The known keys whose signatures verified, at least one. */
  readonly signers: readonly VerifiedSigner[]
}

export interface VerifiedSigner {
  readonly key: VerifierKey | WitnessKey
  /** When a witness signed, in seconds since the Unix epoch, by its own word. */
  readonly cosignedAt?: number
}

/**
 * The text of a note that at least one of the keys signed. The bytes are
 * attacker-controlled; nothing in the text is looked at before a signature has verified.
 * Lines of unknown keys are ignored; a wrong line of a known key refuses the note.
 *
 * @throws {EvidenceRefused} NOTE_MALFORMED, NOTE_SIGNATURE_INVALID or NOTE_UNSIGNED
 */
export function openNote(note: Uint8Array, keys: readonly VerifierKey[], verifier: Ed25519Verifier): string {
  return openNoteOf(note, keys, verifier).text
}

/** As `openNote`, with those who signed. Keys of witnesses may be among the known ones. */
export function openNoteOf(
  note: Uint8Array,
  keys: readonly (VerifierKey | WitnessKey)[],
  verifier: Ed25519Verifier,
): OpenedNote {
  const { text, signatures } = splitNote(note)
  const signers: VerifiedSigner[] = []
  for (const { name, keyId, signature } of signatures) {
    const key = keys.find((known) => known.name === name && bytesEqual(known.keyId, keyId))
    if (key === undefined) continue
    // Neither may a second copy count as a second opinion.
    if (signers.some((signer) => signer.key === key))
      throw new EvidenceRefused('NOTE_SIGNATURE_INVALID', `The key ${name} signed the note twice.`)
    const signer = verifySignature(key, text, signature, verifier)
    if (signer === undefined)
      throw new EvidenceRefused('NOTE_SIGNATURE_INVALID', `The signature of ${name} does not verify.`)
    signers.push(signer)
  }
  if (signers.length === 0)
    throw new EvidenceRefused('NOTE_UNSIGNED', 'No known key signed the note. Check the verifier key.')
  return { text, signers }
}

const SIGNATURE_BYTES = 64
const TIME_BYTES = 8

function verifySignature(
  key: VerifierKey | WitnessKey,
  text: string,
  bytes: Uint8Array,
  verifier: Ed25519Verifier,
): VerifiedSigner | undefined {
  if (!('algorithm' in key)) {
    const ok = bytes.length === SIGNATURE_BYTES && verifier.verify(key.publicKey, utf8.encode(text), bytes)
    return ok ? { key } : undefined
  }
  // A cosignature is a time and a signature over both time and text (evidence-log §5.2).
  if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined
  const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)
  const message = utf8.encode(`cosignature/v1\ntime ${time}\n${text}`)
  if (!verifier.verify(key.publicKey, message, bytes.subarray(TIME_BYTES))) return undefined
  return { key, cosignedAt: Number(time) }
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
