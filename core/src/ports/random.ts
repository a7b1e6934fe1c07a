/**
 * Cryptographically secure randomness. Never fails, never blocks.
 */
export interface Random {
  /** A version 4 UUID in lower-case text form. */
  uuid(): string
  /** `length` random bytes. */
  bytes(length: number): Uint8Array
}
