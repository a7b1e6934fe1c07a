import { sign, verify } from 'node:crypto'
import type { PopAnswerer, PopDemands, PopExchange, PopRequest, PopResponse } from '@capiscio/proto/sdk'
import { createPopResponse as createResponse, verifyPopResponse as verifyResponse } from '@capiscio/proto/sdk'
import { type KeySource, requireKey } from './key-source.ts'

/** As whom a server answers, and with which key. */
export interface PopResponseOptions extends PopAnswerer {
  /** The server's Ed25519 private key: a `KeyObject`, or PEM (PKCS#8). */
  readonly privateKey: KeySource
}

/** What a proof is held against, and under which key. */
export interface VerifyPopOptions extends PopDemands {
  /** The server's Ed25519 public key, from its verified badge or did:key: a `KeyObject`, or PEM (SPKI). */
  readonly publicKey: KeySource
}

/**
 * Answers a client's nonce with the server's key.
 *
 * @throws TypeError unless the key is an Ed25519 private key.
 * @throws PopError POP_NONCE_INVALID: nothing but a nonce is signed for strangers.
 */
export async function createPopResponse(request: PopRequest, options: PopResponseOptions): Promise<PopResponse> {
  const key = requireKey(options.privateKey, 'private')
  return createResponse(request, options, (message) => sign(null, message, key))
}

/**
 * Checks a server's proof here, without a core. Use each request once.
 *
 * @throws TypeError unless the key is an Ed25519 public key, and for other options that would not hold.
 * @throws PopError unless the proof holds.
 */
export async function verifyPopResponse(exchange: PopExchange, options: VerifyPopOptions): Promise<void> {
  const { publicKey, ...demands } = options
  const key = requireKey(publicKey, 'public')
  return verifyResponse(exchange, demands, (message, signature) => verify(null, message, key, signature))
}
