import type { Config, TrustedIssuerConfig } from '../../config/config.ts'
import type { TrustedKeys } from '../../domain/trust/trust-store.ts'

/**
 * The configuration with the issuers that are trusted by their pinned keys alone: their
 * origin is where they are asked about badges and agents.
 */
export function withPinnedIssuers(config: Config, { issuerKeys }: Pick<TrustedKeys, 'issuerKeys'>): Config {
  const { issuers } = config.trust
  const known = new Set(issuers.map(({ issuer }) => issuer))
  const more = new Set(issuerKeys.map(({ issuer }) => issuer).filter((issuer) => !known.has(issuer)))
  return withIssuers(config, [...issuers, ...[...more].map(pinnedIssuer)])
}

/** The configuration as if one issuer, trusted by its pinned keys, were the only one. */
export function withOnlyPinned(config: Config, issuer: string): Config {
  return withIssuers(config, [pinnedIssuer(issuer)])
}

function withIssuers(config: Config, issuers: readonly TrustedIssuerConfig[]): Config {
  return { ...config, trust: { ...config.trust, issuers } }
}

function pinnedIssuer(issuer: string): TrustedIssuerConfig {
  return { issuer, jwksUrl: `${issuer}/.well-known/jwks.json` }
}
