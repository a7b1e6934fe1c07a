import { type KeyObject, sign } from 'node:crypto'
import type { Prover } from '@capiscio/proto/registry'

/** Signs proofs with an Ed25519 private key. */
export function proverOf(privateKey: KeyObject, kid: string): Prover {
  return { kid, sign: (message) => sign(null, message, privateKey) }
}
