import type { Clock } from '../../ports/clock.ts'
import type { DidDocumentSource } from '../../ports/did-documents.ts'
import { findVerificationKey } from '../did/did-document.ts'
import { didKeyKid, isDidKey, parseDidKey } from '../did/did-key.ts'
import { DidRefused } from '../did/did-refused.ts'
import { type Ed25519PublicKey, isSameKey } from '../did/ed25519-public-key.ts'
import { BadgeRefused, refuseIfUnavailable } from './badge-refused.ts'
import type { UnverifiedBadge } from './parse-badge.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/** That the badge's key is the one its subject publishes under `cnf.kid`. */
export interface KeyBinding {
  /** On the monotonic clock. From then on the document must be looked at again. */
  readonly freshUntilMs: number
}

export interface BindingSources {
  readonly didDocuments: DidDocumentSource
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** How long a look at a DID document counts (badges.md §6.5). */
const MAX_AGE_MS = 300_000

/** Nothing that could change. */
const FOR_EVER: KeyBinding = { freshUntilMs: Number.POSITIVE_INFINITY }

/**
 * Step 7 of badges.md §8.2, by badges.md §5. At IAL 0 there is nothing to bind. A did:key is its own
 * document; a did:web is resolved, no more often than every five minutes for one badge.
 *
 * @param badge its signature verified, so that only a trusted issuer's subjects are looked up
 * @throws {BadgeRefused} BADGE_CLAIMS_INVALID
 */
export async function proveKeyBinding(
  badge: Pick<UnverifiedBadge, 'subject' | 'subjectKey' | 'confirmedKeyId'>,
  earlier: KeyBinding | undefined,
  { didDocuments, clock }: BindingSources,
  observer: StepObserver = UNOBSERVED,
): Promise<KeyBinding> {
  const { subject, subjectKey, confirmedKeyId } = badge
  if (confirmedKeyId === undefined) {
    observer.skipped('7', 'At ial "0" no key was confirmed.')
    return FOR_EVER
  }
  observer.at('7')
  const nowMs = clock.monotonicMs()
  if (earlier !== undefined && nowMs < earlier.freshUntilMs) return earlier

  const published = await publishedKey(subject, confirmedKeyId, didDocuments)
  if (subjectKey === undefined || !isSameKey(published, subjectKey)) {
    throw unbound('is another key than the one in the badge')
  }
  return isDidKey(subject) ? FOR_EVER : { freshUntilMs: nowMs + MAX_AGE_MS }
}

async function publishedKey(subject: string, kid: string, didDocuments: DidDocumentSource): Promise<Ed25519PublicKey> {
  try {
    if (isDidKey(subject)) {
      if (kid !== didKeyKid(subject)) throw unbound('does not exist in its did:key')
      return parseDidKey(subject)
    }
    if (!subject.startsWith('did:web:')) throw unbound('cannot be looked up: only did:key and did:web can')
    const document = await refuseIfUnavailable(
      didDocuments.resolve(subject),
      'BADGE_CLAIMS_INVALID',
      `The DID document of ${subject} cannot be had now, so the badge's key cannot be confirmed.`,
    )
    return findVerificationKey(document, subject, kid)
  } catch (cause) {
    if (cause instanceof DidRefused) throw unbound(`is not confirmed: ${cause.message}`, { cause })
    throw cause
  }
}

function unbound(reason: string, options?: ErrorOptions): BadgeRefused {
  return new BadgeRefused('BADGE_CLAIMS_INVALID', `The subject's key named by cnf.kid ${reason}.`, options)
}
