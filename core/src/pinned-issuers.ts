import type { Config } from './config/config.ts'
import type { TrustedKeys } from './domain/trust/trust-store.ts'

/**
 * The configuration with the issuers that are trusted by their pinned keys alone: their
 * origin is where they are asked about badges and agents.
 */
export function withPinnedIssuers(config: Config, { issuerKeys }: Pick<TrustedKeys, 'issuerKeys'>): Config {
  const { issuers } = config.trust
  const known = new Set(issuers.map(({ issuer }) => issuer))
  const more = new Set(issuerKeys.map(({ issuer }) => issuer).filter((issuer) => !known.has(issuer)))
  const pinned = [...more].map((issuer) => ({ issuer, jwksUrl: `${issuer}/.well-known/jwks.json` }))
  return { ...config, trust: { ...config.trust, issuers: [...issuers, ...pinned] } }
}
