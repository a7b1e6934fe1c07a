import type { Ed25519Signer } from '../../ports/ed25519.ts'
import { formatCheckpoint } from './checkpoint.ts'
import { EMPTY_ROOT, edgeRoot, type RightEdge } from './merkle.ts'
import { type NoteSigner, signNote, signNoteByAll } from './note.ts'
import { createVerifierKey } from './verifier-key.ts'

/** Signs the checkpoints of one log, each for a larger tree than the one before. */
export interface CheckpointSigner {
  /**
   * The signed checkpoint of a tree.
   *
   * @throws Error when a tree of this size or a larger one was signed before: two roots for
   *   one size are a forked log, and nobody could tell which half is true
   */
  sign(tree: RightEdge): Uint8Array
}

/** The signed checkpoint of a log that has no entries. */
export function signEmptyCheckpoint(origin: string, signer: Ed25519Signer): Uint8Array {
  const key = createVerifierKey(origin, signer.publicKey)
  return signNote(formatCheckpoint({ origin, size: 0, root: EMPTY_ROOT }), key, signer)
}

/**
 * @param signers of one log; during a rotation there are two (evidence-log §5.1)
 * @param signedSize the largest size that is known to have been signed
 * @throws TypeError without a signer, or with those of several logs
 */
export function createCheckpointSigner(signers: readonly NoteSigner[], signedSize: number): CheckpointSigner {
  const origin = signers[0]?.key.name
  if (origin === undefined || signers.some(({ key }) => key.name !== origin)) {
    throw new TypeError('Checkpoints are signed by the keys of one log.')
  }
  let largest = signedSize
  return {
    sign(tree) {
      if (tree.size <= largest) {
        throw new Error(`A checkpoint of size ${largest} was signed already; size ${tree.size} must not be signed.`)
      }
      largest = tree.size
      return signNoteByAll(formatCheckpoint({ origin, size: tree.size, root: edgeRoot(tree) }), signers)
    },
  }
}
