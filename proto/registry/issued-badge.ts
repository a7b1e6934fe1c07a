import { RegistrationError } from './registration-error.ts'

/** A badge as it came from a registry. What it says was read from the badge, and nothing of it is verified. */
export interface IssuedBadge {
  /** Compact JWS. Secret. */
  readonly token: string
  readonly jti: string
  readonly issuer: string
  readonly subject: string
  /** 0 to 4. */
  readonly level: number
  readonly ial: 0 | 1
  /** Unix seconds. */
  readonly issuedAt: number
  /** Unix seconds. */
  readonly expiresAt: number
  /** DID URL of the key whose possession was proven. */
  readonly confirmedKeyId: string | undefined
}

/** More than any badge has. */
const MAX_TOKEN = 16_384

/**
 * Reads the badge in an answer, under any of the names that registries use: `badge`, `token`,
 * flat or in `data`.
 *
 * @throws RegistrationError REGISTRY_ANSWER_INVALID: a badge whose end cannot be read could
 *   not be renewed in time.
 */
export function readIssuedBadge(body: Readonly<Record<string, unknown>>): IssuedBadge {
  const data = isObject(body.data) ? body.data : {}
  const token = [body.badge, data.token, data.badge, body.token].find((value) => typeof value === 'string')
  if (typeof token !== 'string') throw invalid('there is no badge in it')
  return readBadge(token)
}

/**
 * Reads what a badge says about itself.
 *
 * @throws RegistrationError REGISTRY_ANSWER_INVALID
 */
export function readBadge(token: string): IssuedBadge {
  const [, payload, signature, ...more] = token.split('.')
  if (token.length > MAX_TOKEN || payload === undefined || signature === undefined || more.length > 0) {
    throw invalid('the badge is no compact JWS')
  }
  const claims = decode(payload)
  const { jti, iss, sub, iat, exp, ial, cnf, vc } = claims
  const subject = isObject(vc) && isObject(vc.credentialSubject) ? vc.credentialSubject : {}
  if (!isText(jti) || !isText(iss) || !isText(sub) || !isTime(iat) || !isTime(exp) || exp <= iat) {
    throw invalid('the badge lacks jti, iss, sub, iat or exp, or ends before it begins')
  }
  const level = ['0', '1', '2', '3', '4'].indexOf(String(subject.level))
  if (level < 0 || (ial !== '0' && ial !== '1')) throw invalid('the badge has no level, or no assurance level')
  const kid = isObject(cnf) && isText(cnf.kid) ? cnf.kid : undefined
  return {
    token,
    jti,
    issuer: iss,
    subject: sub,
    level,
    ial: ial === '1' ? 1 : 0,
    issuedAt: iat,
    expiresAt: exp,
    confirmedKeyId: kid,
  }
}

function decode(payload: string): Readonly<Record<string, unknown>> {
  try {
    const bytes = atob(payload.replaceAll('-', '+').replaceAll('_', '/'))
    const text = new TextDecoder('utf-8', { fatal: true }).decode(
      Uint8Array.from(bytes, (character) => character.charCodeAt(0)),
    )
    const claims: unknown = JSON.parse(text)
    if (isObject(claims)) return claims
  } catch {
    // The message of a parser may quote the badge.
  }
  throw invalid('the claims of the badge cannot be read')
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function invalid(reason: string): RegistrationError {
  return new RegistrationError('REGISTRY_ANSWER_INVALID', `The registry's answer cannot be used: ${reason}.`)
}
