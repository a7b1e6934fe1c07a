import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire'
import { isSoundEd25519Key } from './ed25519-key-form.ts'
import { EvidenceError } from './evidence-record.ts'

/** What a log says about itself at one moment, signed by it (C2SP tlog-checkpoint). */
export interface SignedCheckpoint {
  /** The log's name. */
  readonly logOrigin: string
  /** Entries in the log, at most 2^53 - 1. */
  readonly size: bigint
  /** Root hash of the tree over them, 32 bytes. */
  readonly root: Uint8Array<ArrayBuffer>
}

export const HASH_BYTES = 32
const KEY_ID_BYTES = 4
/** Algorithm byte of a plain Ed25519 note signature. */
const ED25519_NOTE = 0x01
const MAX_NOTE_CHARACTERS = 1024 * 1024
const MAX_SIGNATURES = 100

const utf8 = new TextEncoder()

/**
 * Checks a signed checkpoint here, without a core. The text is not trusted; nothing in it is read
 * before a signature has verified.
 *
 * @param note the checkpoint as the log serves it
 * @param verifierKey the log's verifier key, `name+keyid+key`, from its operator; during a key
 * rotation a list of both
 * @throws EvidenceError unless the log signed it, also where this platform has no Ed25519.
 * @throws TypeError for a verifier key that is none, or keys of several logs.
 */
export async function verifyCheckpoint(
  note: string,
  verifierKey: string | readonly string[],
): Promise<SignedCheckpoint> {
  const keys = await Promise.all((typeof verifierKey === 'string' ? [verifierKey] : verifierKey).map(parseVerifierKey))
  const [{ name } = { name: '' }] = keys
  if (name === '' || keys.some((key) => key.name !== name)) throw new TypeError('Give the verifier keys of one log.')
  return parseCheckpoint(await openNote(note, keys), name)
}

/** @throws EvidenceError */
export function refuse(what: string, cause?: unknown): never {
  throw new EvidenceError(`The evidence does not verify: ${what}.`, { cause })
}

export async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  const input = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    input.set(part, at)
    at += part.length
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', input))
}

export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** The one spelling of its bytes in standard base64; undefined for every other. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = new Uint8Array(base64Decode(text))
    return base64Encode(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}

interface VerifierKey {
  readonly name: string
  readonly keyId: Uint8Array
  readonly publicKey: Uint8Array<ArrayBuffer>
}

async function parseVerifierKey(vkey: string): Promise<VerifierKey> {
  // The base64 alphabet contains "+", so only the first two separate.
  const [, name = '', id = '', encoded = ''] = /^([^\s\p{Cc}+]+)\+([0-9a-f]{8})\+(.+)$/u.exec(vkey) ?? []
  const key = decodeBase64(encoded)
  const publicKey = key?.slice(1)
  const isKey = key?.[0] === ED25519_NOTE && publicKey !== undefined && isSoundEd25519Key(publicKey)
  if (!isKey || !name.isWellFormed()) throw new TypeError('A verifier key is name+keyid+key, as the operator gives it.')
  const keyId = (await sha256(utf8.encode(`${name}\n`), key)).slice(0, KEY_ID_BYTES)
  if (Array.from(keyId, (byte) => byte.toString(16).padStart(2, '0')).join('') !== id) {
    throw new TypeError('The verifier key has the id of another name or key. Copy it again.')
  }
  return { name, keyId, publicKey }
}

/** The text of a note that at least one of the keys signed. A wrong line of a known key refuses it. */
async function openNote(note: string, keys: readonly VerifierKey[]): Promise<string> {
  if (note.length > MAX_NOTE_CHARACTERS || !note.isWellFormed() || /[\0-\x09\x0b-\x1f]/.test(note)) refuse('not a note')
  const blank = note.lastIndexOf('\n\n')
  if (blank < 0 || !note.endsWith('\n')) refuse('the checkpoint has no signatures')
  const text = note.slice(0, blank + 1)
  const lines = note.slice(blank + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) refuse('the checkpoint has too many signatures')
  const signatures = lines.map(parseSignatureLine)
  const signers = new Set<VerifierKey>()
  for (const { name, keyId, signature } of signatures) {
    const key = keys.find((known) => known.name === name && isSameBytes(known.keyId, keyId))
    if (key === undefined) continue
    // Neither may a second copy count as a second opinion.
    if (signers.has(key) || !(await isSignedBy(key, text, signature))) refuse('a signature of the log is wrong')
    signers.add(key)
  }
  if (signers.size === 0) refuse('the log did not sign the checkpoint')
  return text
}

function parseSignatureLine(line: string) {
  const [, name = '', encoded = ''] = /^\u2014 ([^\s\p{Cc}+]+) (\S+)$/u.exec(line) ?? []
  const bytes = decodeBase64(encoded)
  if (bytes === undefined || bytes.length <= KEY_ID_BYTES) refuse('a line is no signature where one belongs')
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) }
}

async function isSignedBy({ publicKey }: VerifierKey, text: string, signature: Uint8Array<ArrayBuffer>) {
  try {
    const key = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify'])
    return await crypto.subtle.verify('Ed25519', key, signature, utf8.encode(text))
  } catch (cause) {
    return refuse('this platform cannot check Ed25519 signatures', cause)
  }
}

function parseCheckpoint(text: string, logOrigin: string): SignedCheckpoint {
  // The text ends with a newline, so the last part is empty.
  const [origin, size = '', encodedRoot = '', ...extensions] = text.split('\n').slice(0, -1)
  if (origin !== logOrigin) refuse('the checkpoint is of another log')
  const root = decodeBase64(encodedRoot)
  const isWhole = isDecimal(size) && root?.length === HASH_BYTES && !extensions.includes('')
  if (!isWhole) refuse('the checkpoint is malformed')
  return Object.freeze({ logOrigin, size: BigInt(size), root })
}

/** A whole number up to 2^53 - 1 in its one spelling. */
export function isDecimal(text: string): boolean {
  return /^(?:0|[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(Number(text))
}
