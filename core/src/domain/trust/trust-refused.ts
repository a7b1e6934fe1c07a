/** Why trust material was refused. Add codes, never rename one. */
export type TrustRefusalCode =
  | 'JWKS_MALFORMED'
  | 'JWKS_TOO_LARGE'
  /** A key of an issuer must be kept under the HTTPS origin that badges name. */
  | 'TRUST_ISSUER_INVALID'
  /** A key id is a text of reasonable length without control characters. */
  | 'TRUST_KEY_ID_INVALID'
  | 'TRUST_METADATA_INVALID'
  /** Another key is kept under the same issuer and key id. */
  | 'TRUST_KEY_CONFLICT'
  /** A kept record is not what this version writes. */
  | 'TRUST_RECORD_MALFORMED'
  /** A kept record was written by a newer version. */
  | 'TRUST_RECORD_NEWER'

/** Trust material that is not what it must be. */
export class TrustRefused extends Error {
  override readonly name = 'TrustRefused'
  readonly code: TrustRefusalCode

  constructor(code: TrustRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
