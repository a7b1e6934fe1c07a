import type { TrustConfig } from './config.ts'
import type { Decisions } from './decisions.ts'
import type { TrustSources } from './trust-sources.ts'

type BadgeRules = Pick<TrustConfig, 'acceptLevelZero' | 'requireKey' | 'allowMissingTyp' | 'allowEs256'>

interface Leniency {
  /** What is decided when nobody says anything: the strict value. */
  readonly strict: boolean
  /** Why the other value is for profile dev only. */
  readonly reason: string
}

/** The switches that take a check away. Only profile dev permits them (badges.md §13). */
const LENIENCIES: Readonly<Record<Exclude<keyof BadgeRules, 'allowEs256'>, Leniency>> = {
  acceptLevelZero: {
    strict: false,
    reason: 'Anybody can make a level 0 badge: list the did:keys that you trust in levelZeroKeys',
  },
  requireKey: {
    strict: true,
    reason: 'A badge without key says nothing about whom it was issued to: ask the issuer for badges with key',
  },
  allowMissingTyp: {
    strict: false,
    reason: 'A token without typ may be a proof that was signed for something else: ask for badges with typ JWT',
  },
}

/** Decides how badges are read, and refuses what the profile does not permit. */
export function decideBadgeRules(decisions: Decisions, { profile, file }: TrustSources): BadgeRules {
  const written = file?.written.trust
  const decide = (name: keyof BadgeRules, fallback: boolean): boolean =>
    decisions.pick(
      `trust.${name}`,
      [file?.candidate(['trust', name], written?.[name])],
      (value) => value,
      () => fallback,
    )
  const decideLeniency = (name: keyof typeof LENIENCIES): boolean => {
    const { strict, reason } = LENIENCIES[name]
    const value = decide(name, strict)
    if (value !== strict && profile !== 'dev') {
      const refusal = `trust.${name} is ${value} in profile dev only. ${reason}`
      decisions.refuse('NOT_IN_PROFILE', decisions.originOf(`trust.${name}`), refusal)
    }
    return value
  }
  return {
    acceptLevelZero: decideLeniency('acceptLevelZero'),
    requireKey: decideLeniency('requireKey'),
    allowMissingTyp: decideLeniency('allowMissingTyp'),
    // No leniency: a P-256 key of a trusted issuer is as good as an Ed25519 key.
    allowEs256: decide('allowEs256', false),
  }
}
