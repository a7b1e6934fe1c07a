import { parseDid } from '../did/did.ts'
import { isDidKey, parseDidKey } from '../did/did-key.ts'
import { DidRefused } from '../did/did-refused.ts'
import { parseDidWeb } from '../did/did-web.ts'
import { type Ed25519PublicKey, isSameKey } from '../did/ed25519-public-key.ts'
import { parsePublicJwk } from '../did/public-jwk.ts'
import { parseIssuerOrigin } from '../trust/issuer-origin.ts'
import { parseTrustLevel, type TrustLevel } from '../trust/trust-level.ts'
import { BadgeRefused } from './badge-refused.ts'

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

type Members = Readonly<Record<string, unknown>>

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

/** 9999-12-31T23:59:59Z, the last second that a timestamp can name. */
const MAX_TIME = 253_402_300_799

const VC_TYPES = ['VerifiableCredential', 'AgentIdentity'] as const

/** What may follow `#` in a key id: visible ASCII, no query, no second fragment. */
const FRAGMENT = /^[!-~]+$/

/**
 * Steps 3b to 3i of badges.md §8.2 with the cross-field rules of §3.4. Unknown claims are
 * ignored.
 *
 * @param payload attacker-controlled
 * @param requireKey `false` lets a badge pass without `key`; for development only
 * @throws {BadgeRefused} BADGE_CLAIMS_INVALID
 */
export function parseBadgeClaims(payload: Members, { requireKey }: { readonly requireKey: boolean }): BadgeClaims {
  const { jti, sub: subject } = payload
  demand(typeof jti === 'string' && UUID_V4.test(jti), 'jti', 'must be a version 4 UUID')
  demand(typeof subject === 'string', 'sub', 'must be a DID')
  const issuedAt = parseTime(payload.iat, 'iat')
  const expiresAt = parseTime(payload.exp, 'exp')
  const notBefore = payload.nbf === undefined ? undefined : parseTime(payload.nbf, 'nbf')
  demand(expiresAt > issuedAt, 'exp', 'must be later than iat')
  const audience = parseAudience(payload.aud)
  const { level, domain } = parseCredential(payload.vc)
  const ial = parseIal(payload.ial)
  demand(level !== 0 || ial === 0, 'ial', 'must be "0" at level 0')
  const subjectKey = payload.key === undefined && !requireKey ? undefined : readKey(payload.key, 'key')
  const confirmedKeyId = parseConfirmation(payload, ial, subject, subjectKey)
  checkSubject(subject)
  const issuer = parseIssuer(payload.iss, level, subject, subjectKey)
  return {
    jti,
    issuer,
    subject,
    level,
    ial,
    audience,
    issuedAt,
    expiresAt,
    notBefore,
    domain,
    subjectKey,
    confirmedKeyId,
  }
}

function parseTime(value: unknown, claim: 'iat' | 'exp' | 'nbf'): number {
  const isTime = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TIME
  demand(isTime, claim, 'must be a time in whole seconds since 1970')
  return value
}

function parseAudience(aud: unknown): readonly string[] | undefined {
  if (aud === undefined) return undefined
  // A single text is refused too: some readers search it for the verifier's name (TV-001).
  demand(Array.isArray(aud), 'aud', 'must be an array of texts')
  demand(
    aud.every((entry) => typeof entry === 'string'),
    'aud',
    'must be an array of texts',
  )
  return Object.freeze([...aud])
}

function parseCredential(vc: unknown): { level: TrustLevel; domain: string | undefined } {
  demand(isObject(vc), 'vc', 'must be an object')
  const { type, credentialSubject } = vc
  demand(isObject(credentialSubject), 'vc.credentialSubject', 'must be an object')
  const level = parseTrustLevel(credentialSubject.level)
  demand(level !== undefined, 'vc.credentialSubject.level', 'must be a text from "0" to "4"')
  const isTyped = Array.isArray(type) && VC_TYPES.every((name) => type.includes(name))
  demand(isTyped || (level === 0 && type === undefined), 'vc.type', `must contain ${VC_TYPES.join(' and ')}`)
  const { domain } = credentialSubject
  demand(domain === undefined || typeof domain === 'string', 'vc.credentialSubject.domain', 'must be a text')
  demand(level < 2 || !!domain, 'vc.credentialSubject.domain', 'must be present from level 2 on')
  return { level, domain }
}

function parseIal(ial: unknown): 0 | 1 {
  demand(ial === '0' || ial === '1', 'ial', 'must be "0" or "1"')
  return ial === '0' ? 0 : 1
}

/** Step 3e, 3f, X8 and D-12. Returns the id of the confirmed key. */
function parseConfirmation(
  payload: Members,
  ial: 0 | 1,
  subject: string,
  subjectKey: Ed25519PublicKey | undefined,
): string | undefined {
  const { cnf } = payload
  if (ial === 0) {
    // Also refuses null: a claim that other readers take for a confirmation.
    demand(cnf === undefined, 'cnf', 'must be absent when ial is "0"')
    return undefined
  }
  demand(isObject(cnf) && typeof cnf.kid === 'string', 'cnf', 'must hold a kid when ial is "1"')
  const { kid, jwk } = cnf as { readonly kid: string; readonly jwk?: unknown }
  demand(isKeyIdOf(subject, kid), 'cnf.kid', 'must be the DID of sub, then #, then the name of a key')
  demand(subjectKey !== undefined, 'key', 'must be present when ial is "1"')
  // Never part of a sound badge, but if it is there it may not say something else.
  demand(jwk === undefined || isSameKey(readKey(jwk, 'cnf.jwk'), subjectKey), 'cnf.jwk', 'must equal key')
  return kid
}

function isKeyIdOf(did: string, kid: string): boolean {
  const fragment = kid.slice(did.length + 1)
  return kid.startsWith(`${did}#`) && FRAGMENT.test(fragment) && !/[?#]/.test(fragment)
}

function checkSubject(subject: string): void {
  parsing('sub', () => {
    const { method } = parseDid(subject)
    if (method === 'key') parseDidKey(subject)
    if (method === 'web') parseDidWeb(subject)
  })
}

/** X2, X3 and X7: level 0 is signed by its subject, every other level by an HTTPS origin. */
function parseIssuer(
  iss: unknown,
  level: TrustLevel,
  subject: string,
  subjectKey: Ed25519PublicKey | undefined,
): string {
  demand(typeof iss === 'string', 'iss', 'must be a text')
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

/** Runs a parser of the room `did`; its refusal becomes one of the claim. */
function parsing<T>(claim: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof DidRefused) throw refusal(claim, `is refused: ${cause.message}`, { cause })
    throw cause
  }
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function demand(condition: boolean, claim: string, rule: string): asserts condition {
  if (!condition) throw refusal(claim, rule)
}

function refusal(claim: string, rule: string, options?: ErrorOptions): BadgeRefused {
  return new BadgeRefused('BADGE_CLAIMS_INVALID', `The badge's claim ${claim} ${rule}.`, options)
}
