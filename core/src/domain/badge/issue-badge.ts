import { encodeBase64url } from '../../lib/base64url.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import { didKeyKid } from '../did/did-key.ts'
import { parseBadgeClaims } from './badge-claims.ts'
import { BadgeRefused } from './badge-refused.ts'
import { TOKEN_TYPES } from './token-type.ts'

/** What a badge is to say (RFC-002 §3). Times are whole Unix seconds. */
export interface BadgeContents {
  readonly jti: string
  /** An HTTPS origin for levels 1 to 4; the subject's did:key for level 0. */
  readonly issuer: string
  readonly subject: string
  readonly level: 0 | 1 | 2 | 3 | 4
  readonly issuedAt: number
  readonly expiresAt: number
  /** The subject's public key, 32 raw bytes. */
  readonly subjectKey: Uint8Array
  /** Required from level 2 on. */
  readonly domain?: string
  /** Left out when empty: an empty list would name nobody. */
  readonly audience?: readonly string[]
  /** DID URL of the subject's key when possession of it was proven: makes the badge IAL-1. */
  readonly confirmedKeyId?: string
  /** The registry's challenge that the proof answered; only together with `confirmedKeyId`. */
  readonly challengeId?: string
}

/**
 * Signs a badge as a compact JWS. The header names `kid`, which must be in the issuer's
 * key set, or be `did:key:…#…` for a self-signed badge.
 *
 * @throws {TypeError} when the contents contradict each other: such a badge would be
 *   refused everywhere.
 */
export function issueBadge(contents: BadgeContents, kid: string, signer: Ed25519Signer): string {
  const { level, domain, audience, confirmedKeyId, challengeId } = contents
  const header = { alg: 'EdDSA', typ: TOKEN_TYPES.badge, kid }
  const payload = {
    jti: contents.jti,
    iss: contents.issuer,
    sub: contents.subject,
    ...(audience && audience.length > 0 && { aud: audience }),
    iat: contents.issuedAt,
    exp: contents.expiresAt,
    ial: confirmedKeyId === undefined ? '0' : '1',
    key: { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(contents.subjectKey) },
    ...(confirmedKeyId !== undefined && { cnf: { kid: confirmedKeyId } }),
    ...(challengeId !== undefined && { pop_challenge_id: challengeId }),
    vc: {
      type: ['VerifiableCredential', 'AgentIdentity'],
      credentialSubject: { ...(domain && { domain }), level: String(level) },
    },
  }
  checkConsistent(contents, payload, kid)
  const utf8 = new TextEncoder()
  const signingInput = `${encodeBase64url(utf8.encode(JSON.stringify(header)))}.${encodeBase64url(utf8.encode(JSON.stringify(payload)))}`
  return `${signingInput}.${encodeBase64url(signer.sign(utf8.encode(signingInput)))}`
}

/** The rules for issuing are those for verifying, so that they cannot drift apart. */
function checkConsistent(contents: BadgeContents, payload: Readonly<Record<string, unknown>>, kid: string): void {
  try {
    // One spelling of an origin, without final slash, is issued (D-2).
    if (parseBadgeClaims(payload, { requireKey: true }).issuer !== contents.issuer) {
      throw new TypeError('The issuer must be written without a final slash')
    }
  } catch (cause) {
    if (cause instanceof BadgeRefused) throw new TypeError(`No verifier would accept it: ${cause.message}`, { cause })
    throw cause
  }
  if (contents.level === 0 && kid !== didKeyKid(contents.issuer)) {
    throw new TypeError('The key id of a level 0 badge is the did:key, then #, then its last part')
  }
}
