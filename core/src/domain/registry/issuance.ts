import { encodeBase64url } from '../../lib/base64url.ts'
import type { StoredBadge, StoredChallenge, StoredSubject, SubjectKind } from '../../ports/registry-store.ts'
import { issueBadge } from '../badge/issue-badge.ts'
import type { AuditDetails } from './audit-record.ts'
import { BADGE_TTL, CHALLENGE_TTL, checkAudience, decideLevel, decideTtl } from './badge-terms.ts'
import { type Caller, callerName, demandOwner, demandScope } from './caller.ts'
import { checkChallengeProof } from './challenge-proof.ts'
import { demandActive, findLivingSubject, notFound } from './find-subject.ts'
import { parseOwnershipProof } from './ownership-proof.ts'
import { proveKeyPossession } from './proof-key.ts'
import type { RegistryContext } from './registry-context.ts'
import { type RegistryRefusalCode, RegistryRefused } from './registry-refused.ts'

/** What a client asks of a badge. All attacker-controlled. */
export interface BadgeRequest {
  readonly ttlSeconds: number | undefined
  readonly audience: readonly string[]
  /** A lower level than the validated one may be asked for. */
  readonly level: number | undefined
}

export interface ChallengeRequest {
  readonly badgeTtlSeconds: number | undefined
  readonly challengeTtlSeconds: number | undefined
  readonly audience: readonly string[]
  readonly clientAddress: string
}

/** A badge, and what the answer says about it. */
export interface IssuedBadge extends StoredBadge {
  /** Secret: for the subject alone. */
  readonly token: string
  /** The CA key that signed it. */
  readonly caKid: string
}

export interface Issuance {
  /** A badge for whoever holds the account's key (registry.md §3). */
  issue(caller: Caller, kind: SubjectKind, reference: string, request: BadgeRequest): Promise<IssuedBadge>
  /** A challenge for the subject's key (§4). */
  challenge(caller: Caller, kind: SubjectKind, reference: string, request: ChallengeRequest): Promise<StoredChallenge>
  /** A badge for whoever answers a challenge (§5). */
  redeem(
    kind: SubjectKind,
    reference: string,
    answer: { readonly challengeId: string; readonly proof: string; readonly clientAddress: string },
  ): Promise<IssuedBadge>
}

const CHALLENGE_ID = /^ch-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const NONCE_BYTES = 32

/** Refusals that say nothing against the proof. */
const NOT_THE_PROOF: ReadonlySet<RegistryRefusalCode> = new Set([
  'rate_limit_exceeded',
  'agent_not_found',
  'server_not_found',
  'agent_disabled',
  'did_resolution_failed',
  'did_document_invalid',
  'evidence_unavailable',
  'conflict',
])

/** The registry as certificate authority: who gets a badge, and what it says. */
export function createIssuance(context: RegistryContext): Issuance {
  const { issuer, store, trail, gate, caKeys, clock, random } = context

  /** The badge as text and as record; nothing is stored. */
  function sign(
    subject: StoredSubject,
    publicKey: Uint8Array,
    terms: {
      readonly level: StoredSubject['level']
      readonly ttlSeconds: number
      readonly audience: readonly string[]
      readonly confirmedKeyId?: string
      readonly challengeId?: string
    },
  ): IssuedBadge {
    const { kid, signer } = caKeys().signing
    const { level, ttlSeconds, audience, confirmedKeyId, challengeId } = terms
    const jti = random.uuid()
    const issuedAt = Math.floor(clock.nowMs() / 1000)
    const expiresAt = issuedAt + ttlSeconds
    const token = issueBadge(
      {
        jti,
        issuer,
        subject: subject.did,
        level,
        issuedAt,
        expiresAt,
        subjectKey: publicKey,
        audience,
        ...(subject.validatedDomain !== undefined && { domain: subject.validatedDomain }),
        ...(confirmedKeyId !== undefined && { confirmedKeyId }),
        ...(challengeId !== undefined && { challengeId }),
      },
      kid,
      signer,
    )
    return {
      token,
      caKid: kid,
      jti,
      subject: subject.did,
      accountId: subject.accountId,
      issuedAt,
      expiresAt,
      level,
      ial: confirmedKeyId === undefined ? 0 : 1,
      confirmedKeyId,
      challengeId,
      revocation: undefined,
    }
  }

  /** What the log says about a badge: everything but the badge. */
  function details({ jti, subject, accountId, issuedAt, expiresAt, level, ial, ...rest }: IssuedBadge): AuditDetails {
    return {
      jti,
      did: subject,
      account: accountId,
      issued_at: issuedAt,
      expires_at: expiresAt,
      level,
      ial,
      cnf_kid: rest.confirmedKeyId,
      challenge_id: rest.challengeId,
      ca_kid: rest.caKid,
    }
  }

  async function issuable(caller: Caller, kind: SubjectKind, reference: string) {
    if (caller.kind !== 'badge') demandScope(caller, 'badges:issue')
    const subject = await findLivingSubject(reference, kind, store)
    demandOwner(caller, subject)
    demandActive(subject)
    const { publicKey } = subject
    if (publicKey === undefined) {
      throw new RegistryRefused('no_public_key', `The ${subject.kind} has no public key: register its identity first.`)
    }
    return { subject, publicKey }
  }

  /** Steps 4 to 23 of registry.md §5.3. */
  async function prove(challenge: StoredChallenge, did: string, kind: SubjectKind, token: string) {
    if (challenge.usedAtMs !== undefined) throw challengeUsed()
    const nowMs = clock.nowMs()
    if (challenge.expiresAtMs <= nowMs) {
      throw new RegistryRefused('challenge_expired', 'The challenge has expired: ask for a new one.')
    }
    const proof = parseOwnershipProof(token)
    checkChallengeProof(proof, challenge, did, nowMs)
    const subject = await store.subjectByDid(did)
    if (subject === undefined || subject.status === 'deleted') throw notFound(kind)
    demandActive(subject)
    return { subject, kid: proof.kid, publicKey: await proveKeyPossession(proof, did, context) }
  }

  return {
    async issue(caller, kind, reference, { ttlSeconds, audience, level }) {
      demandScope(caller, 'badges:issue')
      trail.demandWritable()
      const { subject, publicKey } = await issuable(caller, kind, reference)
      const terms = {
        ttlSeconds: decideTtl(ttlSeconds, BADGE_TTL, 'badge_ttl'),
        audience: checkAudience(audience),
      }
      gate.badge(subject.did)
      const badge = sign(subject, publicKey, { ...terms, level: decideLevel(subject.level, toLevel(level)) })
      const entry = trail.entry('badge_issued', { ...details(badge), actor: callerName(caller) })
      if ((await store.recordBadge(badge, subject.revision, entry)) === 'stale') throw changedMeanwhile()
      await trail.flush()
      return badge
    },

    async challenge(caller, kind, reference, request) {
      const { subject } = await issuable(caller, kind, reference)
      const badgeTtlSeconds = decideTtl(request.badgeTtlSeconds, BADGE_TTL, 'badge_ttl')
      const ttlSeconds = decideTtl(request.challengeTtlSeconds, CHALLENGE_TTL, 'challenge_ttl')
      const badgeAudience = checkAudience(request.audience)
      const { did, accountId } = subject
      gate.challenge({ did, accountId, address: request.clientAddress })
      const createdAtMs = clock.nowMs()
      const challenge: StoredChallenge = {
        id: `ch-${random.uuid()}`,
        nonce: encodeBase64url(random.bytes(NONCE_BYTES)),
        did,
        accountId,
        badgeAudience,
        badgeTtlSeconds,
        proofAudience: issuer,
        // Put together, never parsed: clients compare and sign exactly this text (§4).
        htu: `${issuer}/v1/agents/${encodeURIComponent(did)}/badge`,
        createdAtMs,
        expiresAtMs: createdAtMs + ttlSeconds * 1000,
        clientAddress: request.clientAddress,
        usedAtMs: undefined,
        issuedBadgeJti: undefined,
      }
      await store.addChallenge(challenge)
      return challenge
    },

    async redeem(kind, reference, { challengeId, proof: token, clientAddress: address }) {
      trail.demandWritable()
      gate.proofFrom(address)
      const routeDid = reference.startsWith('did:') ? reference : (await findLivingSubject(reference, kind, store)).did
      // The steps of registry.md §5.3 in their order: 1, 2, 3.
      if (!CHALLENGE_ID.test(challengeId)) {
        throw new RegistryRefused('invalid_challenge_id', 'challenge_id is ch- and a UUID.')
      }
      const challenge = await store.challenge(challengeId)
      if (challenge === undefined) {
        throw new RegistryRefused('challenge_not_found', 'There is no such challenge: ask for a new one.')
      }
      if (challenge.did !== routeDid) {
        throw new RegistryRefused('subject_mismatch', 'The challenge was made for another DID.')
      }
      gate.proof({ did: challenge.did, accountId: challenge.accountId })
      const { subject, publicKey, kid } = await prove(challenge, routeDid, kind, token).catch((error: unknown) => {
        const counts = error instanceof RegistryRefused && !NOT_THE_PROOF.has(error.code)
        if (counts) gate.proofFailed({ did: challenge.did, address })
        throw error
      })
      gate.badge(subject.did)
      const badge = sign(subject, publicKey, {
        level: subject.level,
        ttlSeconds: challenge.badgeTtlSeconds,
        audience: challenge.badgeAudience,
        confirmedKeyId: kid,
        challengeId,
      })
      // Step 24. The swap decides who gets a badge; before it nobody has one.
      const entry = trail.entry('badge_issued', { ...details(badge), actor: subject.did })
      const outcome = await store.consumeChallenge({ ...badge, challengeId }, subject.revision, entry)
      if (outcome === 'used') throw challengeUsed()
      if (outcome === 'stale') throw changedMeanwhile()
      await trail.flush()
      return badge
    },
  }
}

/** @throws {RegistryRefused} invalid_request */
function toLevel(level: number | undefined): StoredSubject['level'] | undefined {
  if (level === undefined || level === 1 || level === 2 || level === 3 || level === 4) return level
  throw new RegistryRefused('invalid_request', 'trustLevel is 1, 2, 3 or 4.')
}

function challengeUsed(): RegistryRefused {
  return new RegistryRefused('challenge_used', 'The challenge was used before: ask for a new one.')
}

function changedMeanwhile(): RegistryRefused {
  return new RegistryRefused('conflict', 'The record changed meanwhile, and no badge was issued: try again.')
}
