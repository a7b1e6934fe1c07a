/**
 * Ed25519 (RFC 8032, pure, no context) signature checks.
 *
 * `verify` returns whether `signature` (64 bytes) is valid for `message` under
 * `publicKey` (32 raw bytes). Wrong lengths and undecodable points are `false`, never an
 * exception. Implementations may accept signatures under small-order keys: callers must
 * have refused such keys before (`parseEd25519PublicKey`). Synchronous, because a check
 * costs less than a trip through a queue.
 */
export interface Ed25519Verifier {
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** Signs with one key that never leaves the implementation. Deterministic (RFC 8032). */
export interface Ed25519Signer {
  /** The public key, 32 raw bytes. */
  readonly publicKey: Uint8Array
  /** The 64-byte signature of `message`. */
  sign(message: Uint8Array): Uint8Array
}
