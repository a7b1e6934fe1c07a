/** Why no key was made. Add codes, never rename one. */
export type KeyRefusalCode =
  /** The name cannot be that of a key. */
  | 'KEY_ID_INVALID'
  /** A key of this name is kept already. */
  | 'KEY_ID_TAKEN'

/** No key was made. The message says what to do. */
export class KeyRefused extends Error {
  override readonly name = 'KeyRefused'
  readonly code: KeyRefusalCode

  constructor(code: KeyRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
