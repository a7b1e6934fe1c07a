/** Why trust material was refused. Add codes, never rename one. */
export type TrustRefusalCode = 'JWKS_MALFORMED' | 'JWKS_TOO_LARGE'

/** Trust material that is not what it must be. */
export class TrustRefused extends Error {
  override readonly name = 'TrustRefused'
  readonly code: TrustRefusalCode

  constructor(code: TrustRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
