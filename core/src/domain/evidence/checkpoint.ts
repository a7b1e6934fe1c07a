import { base64 } from '@scure/base'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { bytesEqual } from './bytes-equal.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { HASH_BYTES } from './merkle.ts'
import { openNoteOf, type VerifiedSigner } from './note.ts'
import { decodeBase64 } from './strict-base64.ts'
import type { VerifierKey } from './verifier-key.ts'
import type { WitnessKey } from './witness-key.ts'

const utf8 = new TextEncoder()

/** What a log says about itself at one moment: so many entries, this root. */
export interface Checkpoint {
  readonly origin: string
  /** Entries in the tree, at most 2^53 - 1. */
  readonly size: number
  /** 32 bytes. */
  readonly root: Uint8Array
}

/** The text that is signed (evidence-log §4). */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${base64.encode(root)}\n`
}

/** Whether the text of a note is exactly this checkpoint. Says nothing about its signatures. */
export function isNoteOf(note: Uint8Array, checkpoint: Checkpoint): boolean {
  const text = utf8.encode(`${formatCheckpoint(checkpoint)}\n`)
  return bytesEqual(note.subarray(0, text.length), text)
}

/**
 * Opens a signed checkpoint of one log. The bytes are attacker-controlled; the signature is
 * verified before size or root are read.
 *
 * @param keys the log's keys; during a rotation there are two, and either is enough
 * @throws {EvidenceRefused} what `openNote` throws, CHECKPOINT_MALFORMED or CHECKPOINT_ORIGIN
 */
export function openCheckpoint(
  note: Uint8Array,
  origin: string,
  keys: readonly VerifierKey[],
  verifier: Ed25519Verifier,
): Checkpoint {
  const { text, signers } = openNoteOf(note, keys, verifier)
  const checkpoint = parseCheckpoint(text, origin)
  // Whoever gets hold of a key that was replaced must not make the log go on with it.
  const isCurrent = signers.some(
    ({ key: { retiredAfter } }) => retiredAfter === undefined || checkpoint.size <= retiredAfter,
  )
  if (!isCurrent) {
    const message = `The checkpoint of ${checkpoint.size} is signed only by a key that was replaced before.`
    throw new EvidenceRefused('NOTE_UNSIGNED', message, { index: checkpoint.size })
  }
  return checkpoint
}

export interface CosignedCheckpoint {
  readonly checkpoint: Checkpoint
  /** Known witnesses that cosigned it; none is no reason to refuse. */
  readonly witnesses: readonly VerifiedSigner[]
}

/**
 * As `openCheckpoint`, and tells which of the known witnesses cosigned. A witness alone,
 * without the log's own signature, is not enough.
 *
 * @throws {EvidenceRefused} as `openCheckpoint`; also when a known witness's line does not verify
 */
export function openCosignedCheckpoint(
  note: Uint8Array,
  origin: string,
  keys: readonly VerifierKey[],
  witnesses: readonly WitnessKey[],
  verifier: Ed25519Verifier,
): CosignedCheckpoint {
  const checkpoint = openCheckpoint(note, origin, keys, verifier)
  const { signers } = openNoteOf(note, [...keys, ...witnesses], verifier)
  return { checkpoint, witnesses: signers.filter(({ cosignedAt }) => cosignedAt !== undefined) }
}

function parseCheckpoint(text: string, expectedOrigin: string): Checkpoint {
  // The text ends with a newline, so the last part is empty.
  const [origin = '', size = '', encodedRoot = '', ...extensions] = text.split('\n').slice(0, -1)
  if (origin !== expectedOrigin) {
    throw new EvidenceRefused('CHECKPOINT_ORIGIN', `The checkpoint belongs to the log ${origin}.`, {
      expected: expectedOrigin,
    })
  }
  if (!/^(?:0|[1-9][0-9]*)$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw new EvidenceRefused(
      'CHECKPOINT_MALFORMED',
      'The size of the checkpoint is not a decimal number up to 2^53 - 1.',
    )
  }
  const root = decodeBase64(encodedRoot)
  if (root?.length !== HASH_BYTES) {
    throw new EvidenceRefused('CHECKPOINT_MALFORMED', 'The root of the checkpoint is not the base64 of 32 bytes.')
  }
  // Extension lines are signed with the rest and mean nothing here.
  if (extensions.includes('')) throw new EvidenceRefused('CHECKPOINT_MALFORMED', 'The checkpoint has an empty line.')
  return { origin, size: Number(size), root }
}
