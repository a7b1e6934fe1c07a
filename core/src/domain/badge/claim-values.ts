import { parseTrustLevel, type TrustLevel } from '../trust/trust-level.ts'
import { demand } from './claim-refusal.ts'

/** An object as it came out of the JSON parser: attacker-controlled. */
export type Members = Readonly<Record<string, unknown>>

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

/** 9999-12-31T23:59:59Z, the last second that a timestamp can name. */
const MAX_TIME = 253_402_300_799

const MAX_AUDIENCES = 128

const MAX_AUDIENCE_LENGTH = 2048

/** Longest name in the DNS. */
const MAX_DOMAIN_LENGTH = 253

const VC_TYPES = ['VerifiableCredential', 'AgentIdentity'] as const

export function parseJti(jti: unknown): string {
  demand(typeof jti === 'string' && UUID_V4.test(jti), 'jti', 'must be a version 4 UUID')
  return jti
}

/** Whole seconds since 1970. */
export function parseTime(value: unknown, claim: 'iat' | 'exp' | 'nbf'): number {
  const isTime = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TIME
  demand(isTime, claim, 'must be a time in whole seconds since 1970')
  return value
}

/** Frozen. `undefined` when the claim is absent; an empty list names nobody, which is another thing. */
export function parseAudience(aud: unknown): readonly string[] | undefined {
  if (aud === undefined) return undefined
  // A single text is refused too: some readers search it for the verifier's name (TV-001).
  demand(Array.isArray(aud), 'aud', 'must be an array of texts')
  demand(aud.length <= MAX_AUDIENCES, 'aud', `must name at most ${MAX_AUDIENCES} audiences`)
  const isText = (entry: unknown): boolean => typeof entry === 'string' && entry.length <= MAX_AUDIENCE_LENGTH
  demand(aud.every(isText), 'aud', `must be an array of texts of at most ${MAX_AUDIENCE_LENGTH} characters`)
  return Object.freeze([...aud])
}

/** Level and domain of `vc`. Only level 0 may leave `vc.type` out (D-3). */
export function parseCredential({ type, credentialSubject }: Members): {
  readonly level: TrustLevel
  readonly domain: string | undefined
} {
  demand(isObject(credentialSubject), 'vc.credentialSubject', 'must be an object')
  const level = parseTrustLevel(credentialSubject.level)
  demand(level !== undefined, 'vc.credentialSubject.level', 'must be a text from "0" to "4"')
  const isTyped = Array.isArray(type) && VC_TYPES.every((name) => type.includes(name))
  demand(isTyped || (level === 0 && type === undefined), 'vc.type', `must contain ${VC_TYPES.join(' and ')}`)
  const { domain } = credentialSubject
  const isDomain = domain === undefined || (typeof domain === 'string' && domain.length <= MAX_DOMAIN_LENGTH)
  demand(isDomain, 'vc.credentialSubject.domain', `must be a text of at most ${MAX_DOMAIN_LENGTH} characters`)
  return { level, domain }
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
