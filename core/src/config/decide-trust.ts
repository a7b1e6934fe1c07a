import { parseDidKey } from '../domain/did/did-key.ts'
import { DidRefused } from '../domain/did/did-refused.ts'
import type { TrustConfig } from './config.ts'
import { decideBadgeRules } from './decide-badge-rules.ts'
import { decideIssuers } from './decide-issuers.ts'
import type { DecidedRevocation } from './decide-revocation.ts'
import { type Decisions, fromEnv } from './decisions.ts'
import { ENVIRONMENT_NAMES } from './environment.ts'
import type { TrustSources } from './trust-sources.ts'
import { ValueRefused } from './value-refused.ts'

const CLOCK_SKEW_SECONDS = 60

const JWKS_MAX_STALE_SECONDS = 3600

/** Decides whom the core trusts, and as whom badges must address it. */
export function decideTrust(decisions: Decisions, sources: TrustSources): Omit<TrustConfig, keyof DecidedRevocation> {
  const { environment, file } = sources
  const written = file?.written.trust
  const badgeRules = decideBadgeRules(decisions, sources)
  const issuers = decideIssuers(decisions, { ...sources, allowEs256: badgeRules.allowEs256 })

  const levelZeroKeys = (written?.levelZeroKeys ?? []).filter((did, index, all) => {
    const path = ['trust', 'levelZeroKeys', index]
    decisions.note(`trust.levelZeroKeys[${index}]`, file?.originOf(path) ?? { kind: 'default' })
    const problem = all.indexOf(did) < index ? 'The key is given twice: keep one' : checkDidKey(did)
    if (problem !== undefined && file) decisions.refuse('VALUE_INVALID', file.originOf(path), problem)
    return problem === undefined
  })

  const audience = decisions.pick<string | readonly string[], readonly string[]>(
    'trust.audience',
    [
      fromEnv(ENVIRONMENT_NAMES.audience, environment.audience),
      file?.candidate(['trust', 'audience'], written?.audience),
    ],
    parseAudience,
    () => [],
  )
  const requireAudience = decisions.pick(
    'trust.requireAudience',
    [file?.candidate(['trust', 'requireAudience'], written?.requireAudience)],
    (require) => require,
    () => false,
  )
  if (requireAudience && audience.length === 0) {
    const reason = `No badge could name this core: set trust.audience or ${ENVIRONMENT_NAMES.audience}`
    decisions.refuse('CONFLICT', decisions.originOf('trust.requireAudience'), reason)
  }
  const clockSkewSeconds = decisions.pick(
    'trust.clockSkewSeconds',
    [file?.candidate(['trust', 'clockSkewSeconds'], written?.clockSkewSeconds)],
    (seconds) => seconds,
    () => CLOCK_SKEW_SECONDS,
  )
  const jwksMaxStaleSeconds = decisions.pick(
    'trust.jwksMaxStaleSeconds',
    [file?.candidate(['trust', 'jwksMaxStaleSeconds'], written?.jwksMaxStaleSeconds)],
    (seconds) => seconds,
    () => JWKS_MAX_STALE_SECONDS,
  )
  return { issuers, ...badgeRules, levelZeroKeys, audience, requireAudience, clockSkewSeconds, jwksMaxStaleSeconds }
}

function checkDidKey(did: string): string | undefined {
  try {
    parseDidKey(did)
    return undefined
  } catch (refused) {
    if (refused instanceof DidRefused) return `${refused.message}: list Ed25519 keys as did:key:z6Mk…`
    throw refused
  }
}

/** From the environment as a comma list. Compared as text, so that a blank inside is a mistake. */
function parseAudience(raw: string | readonly string[]): readonly string[] {
  const entries = typeof raw === 'string' ? raw.split(',').map((entry) => entry.trim()) : raw
  const audience = typeof raw === 'string' ? entries.filter((entry) => entry !== '') : entries
  if (audience.length === 0) throw new ValueRefused('Name at least one audience, or leave it unset')
  if (audience.some((entry) => !/^[^\s,]+$/.test(entry))) {
    throw new ValueRefused(
      'An audience is an origin or a URN without blanks and commas, such as https://api.example.com',
    )
  }
  return [...new Set(audience)]
}
