import type { Clock } from '../../ports/clock.ts'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { BadgeRefused } from '../badge/badge-refused.ts'
import type { BadgeVerifier, VerifiedBadge } from '../badge/badge-verifier.ts'
import { parseBadge, type UnverifiedBadge } from '../badge/parse-badge.ts'
import { parseDid } from '../did/did.ts'
import { isDidKey, parseDidKey } from '../did/did-key.ts'
import { DidRefused } from '../did/did-refused.ts'
import { parseDidWeb } from '../did/did-web.ts'
import { type Ed25519PublicKey, isSameKey } from '../did/ed25519-public-key.ts'
import type { TrustedIssuers } from '../trust/trusted-issuers.ts'
import type { DisclosedIdentity } from './disclosed-identity.ts'
import { findBindingMismatch, type ServerEndpoint } from './origin-binding.ts'
import { findProofProblem, type PossessionProof } from './proof-of-possession.ts'
import { SERVER_PROBLEM_MESSAGES, type ServerProblem } from './server-problem.ts'

/** What a client saw of one server over one connection. All of it is the server's word. */
export interface ServerClaim {
  readonly identity: DisclosedIdentity
  readonly endpoint: ServerEndpoint
  /** The exchange of nonce and signature, when there was one. */
  readonly proof?: PossessionProof
}

/** What a client demands of a server. It can only narrow what the core trusts. */
export interface ServerDemands {
  /** Empty keeps every issuer of the core. */
  readonly trustedIssuers: readonly string[]
  readonly minTrustLevel: 0 | 1 | 2 | 3 | 4
  readonly acceptLevelZero: boolean
  /** Ask nobody: only what is pinned and cached counts. */
  readonly offline: boolean
  /** The endpoint is a trusted gateway: the DID names the server behind it. */
  readonly skipOriginBinding: boolean
  /** Without a proof of possession the server is only declared. */
  readonly requirePop: boolean
  /** Oldest acceptable nonce, milliseconds. */
  readonly popMaxAgeMs: number
}

/**
 * What is known about a server (RFC-007 §6). DID and `jti` are there for people also when a
 * check failed; the trust level only when all passed.
 */
export interface ServerVerification {
  readonly state: 'VERIFIED_PRINCIPAL' | 'DECLARED_PRINCIPAL' | 'UNVERIFIED_ORIGIN'
  readonly did: string
  readonly badgeJti: string | undefined
  readonly trustLevel: 0 | 1 | 2 | 3 | 4 | undefined
  readonly popVerified: boolean
  /** The first check that failed, in the order of RFC-007 §7.2; absent exactly when verified. */
  readonly problem: ServerProblem | undefined
  /** One sentence for people. */
  readonly message: string
}

export interface ServerVerifierCollaborators {
  /** The core's own trust, before a client narrows it. */
  readonly issuers: () => TrustedIssuers
  /** The core's own identifiers, which a badge with an audience must name one of. */
  readonly audience: readonly string[]
  readonly badges: Pick<BadgeVerifier, 'verify'>
  /** The same, asking nobody outside. */
  readonly offlineBadges: Pick<BadgeVerifier, 'verify'>
  readonly ed25519: Ed25519Verifier
  readonly clock: Pick<Clock, 'nowMs'>
  /** Read badges without `key` too. For development only. */
  readonly requireKey: boolean
}

export interface ServerVerifier {
  /** Never rejects for what a server disclosed; a rejection is a fault of a collaborator. */
  verify(claim: ServerClaim, demands: ServerDemands): Promise<ServerVerification>
}

/** A check that failed. Caught where the verification began. */
class ServerProblemFound extends Error {
  override readonly name = 'ServerProblemFound'
  readonly problem: ServerProblem
  constructor(problem: ServerProblem, message = SERVER_PROBLEM_MESSAGES[problem], options?: ErrorOptions) {
    super(message, options)
    this.problem = problem
  }
}

/**
 * The procedure of RFC-007 §7.2: who is this server, as far as it can prove?
 *
 * A badge that verifies makes a server VERIFIED_PRINCIPAL. Possession of its key is reported
 * beside that, because a copied badge looks the same, and demanded with `requirePop`.
 */
export function createServerVerifier(collaborators: ServerVerifierCollaborators): ServerVerifier {
  const { ed25519, clock } = collaborators

  function proves(claim: ServerClaim, badge: VerifiedBadge, demands: ServerDemands): ServerProblem | undefined {
    if (claim.proof === undefined) return 'POP_FAILED'
    const publicKey = provingKey(badge)
    if (publicKey === undefined) return 'KEY_FETCH_FAILED'
    const found = findProofProblem(
      claim.proof,
      {
        serverDid: badge.subject,
        publicKey,
        nowMs: clock.nowMs(),
        maxAgeMs: demands.popMaxAgeMs,
        // Only clients that know the bound form send a nonce in this method.
        requireBound: claim.proof.method === 'server/discover',
      },
      ed25519,
    )
    return found === 'SERVER_POP_EXPIRED' ? 'POP_EXPIRED' : found && 'POP_FAILED'
  }

  async function check(claim: ServerClaim, unverified: UnverifiedBadge, demands: ServerDemands) {
    const { did } = claim.identity
    const badge = await verifyBadgeFor(did, claim.identity.badge, unverified, demands, collaborators)
    const mismatch = demands.skipOriginBinding ? undefined : findBindingMismatch(did, claim.endpoint)
    if (mismatch !== undefined) {
      throw new ServerProblemFound(mismatch === 'SERVER_PATH_MISMATCH' ? 'PATH_MISMATCH' : 'DOMAIN_MISMATCH')
    }
    const popProblem = proves(claim, badge, demands)
    if (demands.requirePop && popProblem !== undefined) throw new ServerProblemFound(popProblem)
    return { trustLevel: badge.level, popVerified: popProblem === undefined }
  }

  return {
    async verify(claim, demands) {
      const { did, badge: token } = claim.identity
      const unknown = { did, badgeJti: undefined, trustLevel: undefined, popVerified: false }
      const declared = { ...unknown, state: 'DECLARED_PRINCIPAL' } as const
      if (did === '') {
        return { ...unknown, state: 'UNVERIFIED_ORIGIN', ...toProblem('IDENTITY_MISSING') }
      }
      let badgeJti: string | undefined
      try {
        checkDid(did)
        if (token === '') throw new ServerProblemFound('BADGE_MISSING')
        const unverified = refusingBadge(() => parseBadge(token, collaborators))
        badgeJti = unverified.jti
        const checked = await check(claim, unverified, demands)
        const message = 'The badge verifies and is for this server.'
        return { ...checked, state: 'VERIFIED_PRINCIPAL', did, badgeJti, problem: undefined, message }
      } catch (thrown) {
        if (!(thrown instanceof ServerProblemFound)) throw thrown
        return { ...declared, badgeJti, problem: thrown.problem, message: thrown.message }
      }
    },
  }
}

function toProblem(problem: ServerProblem) {
  return { problem, message: SERVER_PROBLEM_MESSAGES[problem] }
}

/** Only methods whose DIDs can be checked are taken: `key` and `web`. */
function checkDid(did: string): void {
  try {
    const { method } = parseDid(did)
    if (method === 'key') parseDidKey(did)
    else if (method === 'web') parseDidWeb(did)
    else throw new DidRefused('DID_MALFORMED', `The DID method ${method} is not one of key and web`)
  } catch (cause) {
    if (!(cause instanceof DidRefused)) throw cause
    throw new ServerProblemFound('DID_INVALID', `The disclosed DID is refused: ${cause.message}.`, { cause })
  }
}

/** Steps 3 to 5: the badge itself, that it is for this server, its level, and that it still counts. */
async function verifyBadgeFor(
  did: string,
  token: string,
  unverified: UnverifiedBadge,
  demands: ServerDemands,
  { issuers: ownIssuers, audience, badges, offlineBadges }: ServerVerifierCollaborators,
): Promise<VerifiedBadge> {
  const own = ownIssuers()
  const issuers = own.narrow(demands.trustedIssuers, demands.acceptLevelZero)
  const verifier = demands.offline ? offlineBadges : badges
  const standing = new Set(['BADGE_REVOKED', 'BADGE_AGENT_DISABLED', 'REVOCATION_CHECK_FAILED'])
  try {
    const badge = await verifier.verify(token, { issuers, audience: { own: audience, required: false, alsoOneOf: [] } })
    checkSubjectAndLevel(did, badge, demands)
    return badge
  } catch (refused) {
    if (!(refused instanceof BadgeRefused)) throw refused
    // Revocation is asked about last inside the badge's own procedure, but comes after subject
    // and level here. The badge is genuine by then, so what it says may be looked at.
    if (standing.has(refused.code)) checkSubjectAndLevel(did, unverified, demands)
    const isOwnLevelZero = unverified.level === 0 && own.trustsSelfSigned(unverified.issuer)
    if (refused.code === 'BADGE_ISSUER_UNTRUSTED' && isOwnLevelZero) {
      throw new ServerProblemFound('TRUST_INSUFFICIENT', 'The badge is self-signed (level 0), which was not asked for.')
    }
    throw problemOf(refused)
  }
}

function checkSubjectAndLevel(did: string, badge: Pick<UnverifiedBadge, 'subject' | 'level'>, demands: ServerDemands) {
  if (badge.subject !== did) throw new ServerProblemFound('DID_MISMATCH')
  if (badge.level < demands.minTrustLevel) {
    const message = `The badge has level ${badge.level}, below the minimum of ${demands.minTrustLevel}.`
    throw new ServerProblemFound('TRUST_INSUFFICIENT', message)
  }
}

function problemOf(refused: BadgeRefused): ServerProblemFound {
  const problem = ((): ServerProblem => {
    switch (refused.code) {
      case 'BADGE_EXPIRED':
        return 'BADGE_EXPIRED'
      case 'BADGE_REVOKED':
      case 'BADGE_AGENT_DISABLED':
        return 'BADGE_REVOKED'
      case 'BADGE_ISSUER_UNTRUSTED':
        return 'ISSUER_UNTRUSTED'
      case 'BADGE_CLAIMS_INVALID':
        return refused.cause instanceof SourceUnavailable ? 'KEY_FETCH_FAILED' : 'BADGE_INVALID'
      default:
        return 'BADGE_INVALID'
    }
  })()
  return new ServerProblemFound(problem, refused.message, { cause: refused })
}

function refusingBadge(parse: () => UnverifiedBadge): UnverifiedBadge {
  try {
    return parse()
  } catch (refused) {
    if (refused instanceof BadgeRefused) throw problemOf(refused)
    throw refused
  }
}

/**
 * The key whose possession counts: the badge's, which the issuer vouches for. A did:key names
 * its key itself, and a badge with another one proves nothing about it.
 */
function provingKey({ subject, subjectKey }: VerifiedBadge): Ed25519PublicKey | undefined {
  if (!isDidKey(subject)) return subjectKey
  const named = parseDidKey(subject)
  return subjectKey === undefined || isSameKey(subjectKey, named) ? named : undefined
}
