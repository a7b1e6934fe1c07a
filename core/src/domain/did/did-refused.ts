/** Why a DID, a DID document or a public key was refused. Add codes, never rename one. */
export type DidRefusalCode =
  | 'DID_MALFORMED'
  | 'DID_DOCUMENT_MALFORMED'
  | 'DID_DOCUMENT_MISMATCH'
  | 'DID_KEY_NOT_FOUND'
  | 'DID_KEY_AMBIGUOUS'
  | 'KEY_MALFORMED'
  | 'KEY_PRIVATE'
  | 'KEY_NOT_PRIVATE'
  | 'KEY_WEAK'

/** A DID, a DID document or a public key that is not what it must be. */
export class DidRefused extends Error {
  override readonly name = 'DidRefused'
  readonly code: DidRefusalCode

  constructor(code: DidRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
