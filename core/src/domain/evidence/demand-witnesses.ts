import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { bytesEqual } from './bytes-equal.ts'
import { type Checkpoint, openCosignedCheckpoint } from './checkpoint.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import type { VerifierKey } from './verifier-key.ts'
import type { WitnessKey } from './witness-key.ts'

/** That a witness signed a checkpoint: by its own word, one that extends all that it saw of this log before. */
export interface Cosignature {
  readonly witness: string
  /** By the witness's own word, in seconds since the Unix epoch. */
  readonly time: number
}

/**
 * Opens a checkpoint that every one of the witnesses has cosigned (evidence-log §5.2). Whoever demands the same honest witness
 * is shown the same history up to there, even by who holds the log's key. Others may be shown another one.
 *
 * @param keys the log's keys
 * @throws {EvidenceRefused} as `openCosignedCheckpoint`, CHECKPOINT_NOT_COSIGNED, or WITNESS_NOT_INDEPENDENT
 */
export function demandWitnesses(
  note: Uint8Array,
  origin: string,
  keys: readonly VerifierKey[],
  witnesses: readonly WitnessKey[],
  verifier: Ed25519Verifier,
): { readonly checkpoint: Checkpoint; readonly cosignatures: readonly Cosignature[] } {
  refuseUnlessIndependent(witnesses, keys)
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

/** One key under two names is one opinion, and the log's own is none. */
function refuseUnlessIndependent(witnesses: readonly WitnessKey[], keys: readonly VerifierKey[]): void {
  for (const [index, { name, publicKey }] of witnesses.entries()) {
    const others = [...keys, ...witnesses.slice(0, index)]
    const same = others.find((other) => bytesEqual(other.publicKey, publicKey))
    if (same === undefined) continue
    const message = `The witness ${name} has the key of ${same.name}: that is one opinion, not two.`
    throw new EvidenceRefused('WITNESS_NOT_INDEPENDENT', message, { expected: 'a key of its own' })
  }
}
