import { base64 } from '@scure/base'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { HASH_BYTES, leafHash } from './merkle.ts'
import { verifyInclusion } from './merkle-proof.ts'
import { decodeBase64 } from './strict-base64.ts'
import type { VerifierKey } from './verifier-key.ts'

/** What shows, without the log, that an entry is in it (evidence-log §8). */
export interface Receipt {
  /** Index of the entry. */
  readonly index: number
  /** Its audit path in the tree of the checkpoint, the leaf's sibling first. */
  readonly proof: readonly Uint8Array[]
  /** The signed checkpoint, as bytes of a note. */
  readonly checkpoint: Uint8Array
}

const HEADER = 'c2sp.org/tlog-proof@v1'

/** A tree of 2^53 - 1 leaves has no longer path. */
const MAX_PROOF_HASHES = 53

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf8 = new TextEncoder()

/** The text of a `.tlog-proof` file. */
export function formatReceipt({ index, proof, checkpoint }: Receipt): string {
  const hashes = proof.map((hash) => `${base64.encode(hash)}\n`).join('')
  return `${HEADER}\nindex ${index}\n${hashes}\n${strictUtf8.decode(checkpoint)}`
}

/**
 * Reads a `.tlog-proof` text. Proves nothing. The text is attacker-controlled.
 *
 * @throws {EvidenceRefused} RECEIPT_MALFORMED
 */
export function parseReceipt(text: string): Receipt {
  const blank = text.indexOf('\n\n')
  if (blank < 0 || !text.isWellFormed()) throw malformed('has no blank line before its checkpoint')
  const [header, ...lines] = text.slice(0, blank).split('\n')
  if (header !== HEADER) throw malformed(`does not begin with ${HEADER}`)
  // Nobody vouches for an extra line: it may be there and means nothing.
  const extra = /^extra (.*)$/.exec(lines[0] ?? '')
  if (extra !== null) {
    if (decodeBase64(extra[1] ?? '') === undefined) throw malformed('has an extra line that is not base64')
    lines.shift()
  }
  const [, index] = /^index (0|[1-9][0-9]*)$/.exec(lines.shift() ?? '') ?? []
  if (index === undefined || !Number.isSafeInteger(Number(index))) throw malformed('has no index')
  if (lines.length > MAX_PROOF_HASHES) throw malformed('has more hashes than a tree has levels')
  const proof = lines.map((line) => {
    const hash = decodeBase64(line)
    if (hash?.length !== HASH_BYTES) throw malformed('has a line that is not the base64 of a hash')
    return hash
  })
  return { index: Number(index), proof, checkpoint: utf8.encode(text.slice(blank + 2)) }
}

/**
 * Proves that the entry `leaf` is in the log at the receipt's index, under a checkpoint
 * that the log signed.
 *
 * @param text of the `.tlog-proof` file, attacker-controlled
 * @param keys the log's keys; their common name is its origin
 * @throws {EvidenceRefused} RECEIPT_MALFORMED, RECEIPT_NOT_INCLUDED, or what `openCheckpoint` throws
 * @throws TypeError without keys, or with keys of several logs
 */
export function verifyReceipt(
  text: string,
  leaf: Uint8Array,
  keys: readonly VerifierKey[],
  verifier: Ed25519Verifier,
): { readonly index: number; readonly checkpoint: Checkpoint } {
  const origin = keys[0]?.name
  if (origin === undefined || keys.some(({ name }) => name !== origin)) {
    throw new TypeError('A receipt is verified with the keys of one log.')
  }
  const { index, proof, checkpoint: note } = parseReceipt(text)
  const checkpoint = openCheckpoint(note, origin, keys, verifier)
  const { size, root } = checkpoint
  if (!verifyInclusion({ index, size, leafHash: leafHash(leaf), root, proof })) {
    const message = `The receipt does not prove this entry at index ${index} of the tree of ${size}.`
    throw new EvidenceRefused('RECEIPT_NOT_INCLUDED', message, { index })
  }
  return { index, checkpoint }
}

function malformed(what: string): EvidenceRefused {
  return new EvidenceRefused('RECEIPT_MALFORMED', `The receipt ${what}. Fetch it again from the log.`)
}
