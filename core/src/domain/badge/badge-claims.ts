import { parseDid } from '../did/did.ts'
import { isDidKey, parseDidKey } from '../did/did-key.ts'
import { parseDidWeb } from '../did/did-web.ts'
import { type Ed25519PublicKey, isSameKey } from '../did/ed25519-public-key.ts'
import { parsePublicJwk } from '../did/public-jwk.ts'
import { parseIssuerOrigin } from '../trust/issuer-origin.ts'
import type { TrustLevel } from '../trust/trust-level.ts'
import { demand, parsing } from './claim-refusal.ts'
import { isObject, type Members, parseAudience, parseCredential, parseJti, parseTime } from './claim-values.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/** What a badge says (badges.md §3). Times are whole Unix seconds. */
export interface BadgeClaims {
  /** UUID v4. */
  readonly jti: string
  /** The subject's did:key at level 0, otherwise an HTTPS origin without final slash. */
  readonly issuer: string
  /** A DID. */
  readonly subject: string
  readonly level: TrustLevel
  readonly ial: 0 | 1
  /** Absent means for everybody. Frozen. */
  readonly audience: readonly string[] | undefined
  readonly issuedAt: number
  readonly expiresAt: number
  readonly notBefore: number | undefined
  /** Never empty from level 2 on. */
  readonly domain: string | undefined
  /** Absent only where badges without `key` were asked for. */
  readonly subjectKey: Ed25519PublicKey | undefined
  /** DID URL of the key whose possession was proven; present exactly at IAL 1. */
  readonly confirmedKeyId: string | undefined
}

/** What may follow `#` in a key id: visible ASCII, no query, no second fragment. */
const FRAGMENT = /^[!-~]+$/

const MAX_FRAGMENT_LENGTH = 256

/**
 * Steps 3b to 3i of badges.md §8.2 with the rules X1 to X8 of badges.md §3.4, in their
 * order. Unknown claims are ignored.
 *
 * @param payload attacker-controlled
 * @param rules.requireKey `false` lets a badge pass without `key`; for development only
 * @throws {BadgeRefused} BADGE_CLAIMS_INVALID
 */
export function parseBadgeClaims(
  payload: Members,
  { requireKey }: { readonly requireKey: boolean },
  observer: StepObserver = UNOBSERVED,
): BadgeClaims {
  observer.at('3b')
  const { iss, sub: subject, ial, cnf, key, vc } = payload
  const jti = parseJti(payload.jti)
  demand(typeof iss === 'string', 'iss', 'must be a text')
  demand(typeof subject === 'string', 'sub', 'must be a DID')
  const issuedAt = parseTime(payload.iat, 'iat')
  const expiresAt = parseTime(payload.exp, 'exp')
  const notBefore = payload.nbf === undefined ? undefined : parseTime(payload.nbf, 'nbf')
  demand(expiresAt > issuedAt, 'exp', 'must be later than iat')
  const audience = parseAudience(payload.aud)
  demand(isObject(vc), 'vc', 'must be an object')

  observer.at('3c')
  const { level, domain } = parseCredential(vc)

  observer.at('3d')
  demand(ial === '0' || ial === '1', 'ial', 'must be "0" or "1"')

  observer.at('3e')
  const confirmedKeyId = ial === '1' ? parseConfirmedKeyId(cnf) : undefined

  observer.at('3f')
  // Also refuses null: a claim that other readers take for a confirmation (X5).
  demand(ial === '1' || cnf === undefined, 'cnf', 'must be absent when ial is "0"')

  observer.at('3g')
  demand(level !== 0 || ial === '0', 'ial', 'must be "0" at level 0')

  observer.at('3h')
  const subjectKey = key === undefined && !requireKey ? undefined : readKey(key, 'key')

  observer.at('3i')
  checkSubject(subject)
  demand(level < 2 || !!domain, 'vc.credentialSubject.domain', 'must be present from level 2 on')
  checkConfirmation(subject, subjectKey, confirmedKeyId, cnf)
  return {
    jti,
    issuer: parseIssuer(iss, level, subject, subjectKey),
    subject,
    level,
    ial: ial === '0' ? 0 : 1,
    audience,
    issuedAt,
    expiresAt,
    notBefore,
    domain,
    subjectKey,
    confirmedKeyId,
  }
}

function parseConfirmedKeyId(cnf: unknown): string {
  const kid = isObject(cnf) ? cnf.kid : undefined
  demand(typeof kid === 'string', 'cnf', 'must hold a kid when ial is "1"')
  return kid
}

function checkSubject(subject: string): void {
  parsing('sub', () => {
    const { method } = parseDid(subject)
    if (method === 'key') parseDidKey(subject)
    if (method === 'web') parseDidWeb(subject)
  })
}

/** X8 and D-12: what is confirmed is the key in the badge, under a name that is the subject's own. */
function checkConfirmation(
  subject: string,
  subjectKey: Ed25519PublicKey | undefined,
  confirmedKeyId: string | undefined,
  cnf: unknown,
): void {
  if (confirmedKeyId === undefined) return
  const rule = 'must be the DID of sub, then #, then the name of a key'
  demand(isKeyIdOf(subject, confirmedKeyId), 'cnf.kid', rule)
  demand(subjectKey !== undefined, 'key', 'must be present when ial is "1"')
  // Never part of a sound badge, but if it is there it may not say something else.
  const { jwk } = cnf as Members
  demand(jwk === undefined || isSameKey(readKey(jwk, 'cnf.jwk'), subjectKey), 'cnf.jwk', 'must equal key')
}

function isKeyIdOf(did: string, kid: string): boolean {
  const fragment = kid.slice(did.length + 1)
  return (
    kid.startsWith(`${did}#`) &&
    fragment.length <= MAX_FRAGMENT_LENGTH &&
    FRAGMENT.test(fragment) &&
    !/[?#]/.test(fragment)
  )
}

/** X2, X3 and X7: level 0 is signed by its subject, every other level by an HTTPS origin. */
function parseIssuer(
  iss: string,
  level: TrustLevel,
  subject: string,
  subjectKey: Ed25519PublicKey | undefined,
): string {
  if (level === 0) {
    demand(isDidKey(iss) && iss === subject, 'iss', 'must be the did:key of the subject at level 0')
    const key = parsing('iss', () => parseDidKey(iss))
    demand(subjectKey === undefined || isSameKey(subjectKey, key), 'key', 'must be the key of the did:key at level 0')
    return iss
  }
  const origin = parseIssuerOrigin(iss)
  demand(origin !== undefined, 'iss', 'must be an HTTPS origin from level 1 on')
  return origin
}

function readKey(jwk: unknown, claim: string): Ed25519PublicKey {
  return parsing(claim, () => parsePublicJwk(jwk))
}
