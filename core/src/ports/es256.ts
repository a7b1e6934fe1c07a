/**
 * ES256 signature checks: ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
 *
 * `verify` returns whether `signature` (64 bytes, r then s) is valid for `message` under
 * `publicKey` (65 bytes, an uncompressed point). Wrong lengths, other encodings, bytes that
 * are no point, and r or s out of range are `false`, never an exception. Every signature has
 * a twin (r, n - s) that is valid too: nothing may be identified by its signature.
 */
export interface Es256Verifier {
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}
