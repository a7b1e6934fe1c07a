import type { Ed25519Signer } from '../../ports/ed25519.ts'
import { formatCheckpoint } from './checkpoint.ts'
import { edgeRoot, type RightEdge } from './merkle.ts'
import { signNote } from './note.ts'
import type { VerifierKey } from './verifier-key.ts'

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

/** @param signedSize the largest size that is known to have been signed */
export function createCheckpointSigner(key: VerifierKey, signer: Ed25519Signer, signedSize: number): CheckpointSigner {
  let largest = signedSize
  return {
    sign(tree) {
      if (tree.size <= largest) {
        throw new Error(`A checkpoint of size ${largest} was signed already; size ${tree.size} must not be signed.`)
      }
      largest = tree.size
      return signNote(formatCheckpoint({ origin: key.name, size: tree.size, root: edgeRoot(tree) }), key, signer)
    },
  }
}
