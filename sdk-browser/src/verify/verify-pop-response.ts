import {
  isSoundEd25519Key,
  type PopDemands,
  type PopExchange,
  verifyPopResponse as verifyResponse,
} from '@capiscio/proto/sdk'
import { createNobleEd25519Verifier } from './noble-ed25519.ts'

/** What a proof is held against, and under which key. */
export interface VerifyPopOptions extends PopDemands {
  /** The server's Ed25519 public key, from its verified badge: 32 bytes. */
  readonly publicKey: Uint8Array
}

const ed25519 = createNobleEd25519Verifier()

/**
 * Checks a server's proof of possession. `verifyServer` does it with everything else; this is for
 * who knows the server's key already. Use each request once.
 *
 * @throws TypeError unless the key is an Ed25519 public key.
 * @throws PopError unless the proof holds.
 */
export async function verifyPopResponse(exchange: PopExchange, options: VerifyPopOptions): Promise<void> {
  const { publicKey, ...demands } = options
  if (!(publicKey instanceof Uint8Array) || !isSoundEd25519Key(publicKey)) {
    throw new TypeError('publicKey must be the 32 bytes of an Ed25519 public key that is not weak.')
  }
  const key = new Uint8Array(publicKey)
  return verifyResponse(exchange, demands, (message, signature) => ed25519.verify(key, message, signature))
}
