/**
 * Home of the private keys that the core was asked to keep.
 *
 * Ids are those that `checkKeyId` accepts. Several cores of one user may share a store:
 * nothing is remembered between calls. All calls reject with `KeyStoreRefused`.
 */
export interface KeyStore {
  /**
   * Keeps a key. When it resolves the key survives a power cut. Never replaces one, also
   * not when two callers add the same id at the same time: one of them gets KEY_EXISTS.
   */
  add(key: StoredKey): Promise<void>
  /** The key with this id; absent when there is none. */
  find(id: string): Promise<StoredKey | undefined>
  /** All keys, in the order of their ids. Gives no private key. */
  list(): Promise<readonly StoredKeyInfo[]>
  /** Forgets a key for good. Resolves to whether there was one. */
  remove(id: string): Promise<boolean>
}

/** What may be shown of a key. */
export interface StoredKeyInfo {
  readonly id: string
  /** Ed25519, 32 raw bytes. */
  readonly publicKey: Uint8Array
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMs: number
}

export interface StoredKey extends StoredKeyInfo {
  /** Secret. The 32 bytes that the private key is made from (RFC 8032 §5.1.5). */
  readonly seed: Uint8Array
}

/** Why a key store did not do what was asked. Add codes, never rename one. */
export type KeyStoreRefusalCode =
  /** A key with this id is there already. */
  | 'KEY_EXISTS'
  /** What is stored under this id is not what was written. */
  | 'KEY_DAMAGED'
  /** The store can be read or changed by others, or is no place for keys. */
  | 'KEY_STORE_EXPOSED'

export class KeyStoreRefused extends Error {
  override readonly name = 'KeyStoreRefused'
  readonly code: KeyStoreRefusalCode

  constructor(code: KeyStoreRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
