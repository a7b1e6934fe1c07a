import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { type Checkpoint, openCosignedCheckpoint } from './checkpoint.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import type { VerifierKey } from './verifier-key.ts'
import type { WitnessKey } from './witness-key.ts'

/** That a witness saw a checkpoint, and that it extended all that it saw of this log before. */
export interface Cosignature {
  readonly witness: string
  /** By the witness's own word, in seconds since the Unix epoch. */
  readonly time: number
}

/**
 * Opens a checkpoint that every one of the witnesses has cosigned (evidence-log §5.2). Then not even whoever holds the log's
 * key can show somebody else another history up to there.
 *
 * @param keys the log's keys
 * @throws {EvidenceRefused} as `openCosignedCheckpoint`, or CHECKPOINT_NOT_COSIGNED
 */
export function demandWitnesses(
  note: Uint8Array,
  origin: string,
  keys: readonly VerifierKey[],
  witnesses: readonly WitnessKey[],
  verifier: Ed25519Verifier,
): { readonly checkpoint: Checkpoint; readonly cosignatures: readonly Cosignature[] } {
  const opened = openCosignedCheckpoint(note, origin, keys, witnesses, verifier)
  const cosignatures = witnesses.map((witness) => {
    const signer = opened.witnesses.find(({ key }) => key === witness)
    if (signer?.cosignedAt !== undefined) return { witness: witness.name, time: signer.cosignedAt }
    const { size } = opened.checkpoint
    const message = `The checkpoint of ${size} records is not cosigned by ${witness.name}. Ask the witness for a cosigned copy.`
    throw new EvidenceRefused('CHECKPOINT_NOT_COSIGNED', message, { expected: `a cosignature of ${witness.name}` })
  })
  return { checkpoint: opened.checkpoint, cosignatures }
}
