/** Why a registry's database or keys were not opened. Add codes, never rename one. */
export type RegistryStoreRefusalCode =
  | 'STORE_MISSING'
  | 'STORE_EXISTS'
  /** The file is no database of a registry. */
  | 'STORE_FOREIGN'
  /** A newer version of this program wrote it. */
  | 'STORE_NEWER'
  /** It is the database of a registry with another issuer. */
  | 'STORE_OTHER_ISSUER'
  | 'CA_KEY_MISSING'
  | 'CA_KEY_MALFORMED'
  | 'CA_KEY_EXISTS'
  /** Others may read a private key. */
  | 'CA_KEY_WRONG_MODE'

/** The registry's files are not as they must be. Nothing was changed. The message says what to do. */
export class RegistryStoreRefused extends Error {
  override readonly name = 'RegistryStoreRefused'
  readonly code: RegistryStoreRefusalCode

  constructor(code: RegistryStoreRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
