import type { IssuerKeyOrigin } from '../../adapters/trust/configured-issuer-keys.ts'
import type { TrustedIssuerConfig } from '../../config/config.ts'

/** Where the keys of each configured issuer come from, by issuer. */
export function issuerKeyOrigins(issuers: readonly TrustedIssuerConfig[]): ReadonlyMap<string, IssuerKeyOrigin> {
  return new Map(issuers.map((issuer) => [issuer.issuer, originOf(issuer)]))
}

function originOf({ jwksFile, jwksUrl, keys }: TrustedIssuerConfig): IssuerKeyOrigin {
  if (jwksFile !== undefined) return { kind: 'file', path: jwksFile }
  if (jwksUrl !== undefined) return { kind: 'url', url: jwksUrl }
  return { kind: 'inline', jwks: JSON.stringify(keys) }
}
