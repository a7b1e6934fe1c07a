import type { BadgeStatusSource } from '../../ports/badge-status.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ed25519PublicKey } from '../did/ed25519-public-key.ts'
import type { TrustedIssuers } from '../trust/trusted-issuers.ts'
import { type AudienceDemand, checkAudience } from './audience.ts'
import { proveSignature, type SignatureProof, type SignatureSources } from './badge-signature.ts'
import { checkStanding, type Standing } from './badge-standing.ts'
import { checkTimes } from './badge-times.ts'
import { checkIssuerTrust } from './issuer-trust.ts'
import { type BindingSources, type KeyBinding, proveKeyBinding } from './key-binding.ts'
import { type BadgeFormRules, parseBadge, type UnverifiedBadge } from './parse-badge.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

declare const verified: unique symbol

/** A badge that passed every step for one decision. Only `verifyBadge` makes one. */
export interface VerifiedBadge extends Omit<UnverifiedBadge, 'confirmedKeyId'> {
  readonly [verified]: true
  /** A copy: the caller's own. It checks what the subject signs; logs and records do without it. */
  readonly subjectKey: Ed25519PublicKey | undefined
  /** What its not being revoked rests on, for this decision. */
  readonly standing: Standing
  /** RFC 7638 thumbprint of the key that signed the badge. */
  readonly keyThumbprint: string
}

/** What one decision demands of a badge. */
export interface BadgeDemands {
  /** Already narrowed to what this decision trusts. */
  readonly issuers: TrustedIssuers
  readonly audience: AudienceDemand
}

/**
 * What holds for a token whoever asks and whenever: what it says, who signed it, and that
 * its key was confirmed. Worth keeping; worth nothing without the other steps.
 */
export interface BadgeFacts {
  readonly badge: UnverifiedBadge
  readonly signature: SignatureProof
  readonly binding: KeyBinding
}

export interface VerificationSources extends SignatureSources, BindingSources {
  readonly status: BadgeStatusSource
  readonly clock: Clock
}

export interface VerificationRules extends BadgeFormRules {
  readonly clockSkewMs: number
  readonly rejectReservedIssuers: boolean
}

/**
 * The procedure of badges.md §8.2, in its order; the first failure wins.
 *
 * Facts learned earlier about the same token, under the same rules, shorten steps 1 to 3,
 * 5 and 7. The order and the outcome do not depend on them. They come back as they were
 * when there was nothing to add.
 *
 * @param token attacker-controlled
 * @param observer is told of every step; nothing depends on it
 * @throws {BadgeRefused} for every badge that does not count. Anything else that is thrown
 *   is a fault of a collaborator.
 */
export async function verifyBadge(
  token: string,
  demands: BadgeDemands,
  earlier: BadgeFacts | undefined,
  sources: VerificationSources,
  rules: VerificationRules,
  observer: StepObserver = UNOBSERVED,
): Promise<{ readonly badge: VerifiedBadge; readonly facts: BadgeFacts }> {
  const badge = earlier?.badge ?? parseBadge(token, rules, observer)
  // Before any key is looked up: nothing is fetched for strangers.
  observer.at('4-pre')
  checkIssuerTrust(badge, demands.issuers, rules.rejectReservedIssuers)
  const signature = await proveSignature(token, badge, earlier?.signature, sources, observer)
  // From here on the issuer speaks, not the caller.
  checkTimes(badge, sources.clock.nowMs(), rules.clockSkewMs, observer)
  observer.at('6e')
  checkAudience(badge.audience, demands.audience)
  const binding = await proveKeyBinding(badge, earlier?.binding, sources, observer)
  const standing = await checkStanding(badge, sources.status, observer)
  const isKnown = earlier?.signature === signature && earlier.binding === binding
  return { badge: toVerified(badge, signature, standing), facts: isKnown ? earlier : { badge, signature, binding } }
}

function toVerified(badge: UnverifiedBadge, { keyThumbprint }: SignatureProof, standing: Standing): VerifiedBadge {
  const { subjectKey, confirmedKeyId: _confirmedKeyId, ...claims } = badge
  return { ...claims, subjectKey: subjectKey && new Uint8Array(subjectKey), keyThumbprint, standing } as VerifiedBadge
}
