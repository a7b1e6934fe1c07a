import type { SignBadgeRequest } from '@capiscio/proto/v1'
import { type BadgeContents, issueBadge } from '../../domain/badge/issue-badge.ts'
import { parseBadge, type UnverifiedBadge } from '../../domain/badge/parse-badge.ts'
import { didKeyKid, isDidKey, parseDidKey, toDidKey } from '../../domain/did/did-key.ts'
import { DidRefused } from '../../domain/did/did-refused.ts'
import { type PrivateKey, parsePrivateJwk } from '../../domain/did/private-jwk.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import type { Random } from '../../ports/random.ts'
import { type FieldViolation, invalidArgument } from '../rpc-fault.ts'
import { fromOldTrustLevel } from './old-trust-level.ts'

/** How long a badge lives, in seconds (badges.md §12). */
const LIFETIME = { min: 60, usual: 300, max: 3600 } as const

export interface SignBadgeOptions {
  readonly nowMs: () => number
  readonly random: Random
  /** A signer for the private key that the 32-byte seed stands for (RFC 8032). */
  readonly createSigner: (seed: Uint8Array) => Ed25519Signer
}

/**
 * Signs a badge with the caller's own key, which is used once and not kept. The core is no
 * certificate authority and lends nobody a key: without an issuer the badge is self-signed;
 * with one, the caller is that issuer, and verifiers believe it as far as they trust its key.
 *
 * What the caller leaves out is filled in; what would make a badge that no verifier accepts
 * is refused. The response has no field for errors, so they are a status.
 *
 * @throws {RpcFault} INVALID_ARGUMENT; no message quotes the key
 */
export function signBadge(
  { claims, privateKeyJwk, keyId }: SignBadgeRequest,
  { nowMs, random, createSigner }: SignBadgeOptions,
): { readonly token: string; readonly badge: UnverifiedBadge } {
  const { signer } = readKey(privateKeyJwk, createSigner)
  const ownDid = toDidKey(signer.publicKey)
  const issuer = claims?.iss || ownDid
  const subject = claims?.sub || (isDidKey(issuer) ? issuer : '')
  const level = isDidKey(issuer) ? 0 : fromOldTrustLevel(claims?.trustLevel ?? 0)
  const issuedAt = Number(claims?.iat || Math.floor(nowMs() / 1000))
  const expiresAt = Number(claims?.exp || issuedAt + LIFETIME.usual)
  const kid = keyId || (level === 0 ? didKeyKid(ownDid) : '')

  const lifetime = expiresAt - issuedAt
  refuseIf([
    [
      level === undefined,
      'claims.trust_level',
      'is no trust level of RFC-002: SELF_SIGNED, UNSPECIFIED (1), DV, OV or EV',
    ],
    [
      isDidKey(issuer) && (claims?.trustLevel ?? 0) > 1,
      'claims.trust_level',
      'needs an issuer: a self-signed badge has level 0; give the HTTPS origin of your own registry as iss',
    ],
    [!isDidKey(issuer) && level === 0, 'claims.iss', 'must be left out at level 0, or be the did:key of the key'],
    [isDidKey(issuer) && issuer !== ownDid, 'claims.iss', 'is the did:key of another key than private_key_jwk'],
    [
      !isDidKey(subject),
      'claims.sub',
      'must be a did:key: the badge holds its key, which no field gives for other DIDs',
    ],
    [kid === '', 'key_id', 'must be the kid under which the issuer publishes this key'],
    [
      lifetime < LIFETIME.min || lifetime > LIFETIME.max,
      'claims.exp',
      `must be ${LIFETIME.min} to ${LIFETIME.max} seconds after iat`,
    ],
    [(claims?.nbf ?? 0n) !== 0n, 'claims.nbf', 'is not offered: leave it out, and sign the badge when it is needed'],
  ])
  const contents: BadgeContents = {
    jti: claims?.jti || random.uuid(),
    issuer,
    subject,
    level: level ?? 0,
    issuedAt,
    expiresAt,
    subjectKey: subjectKey(subject),
    audience: claims?.aud ?? [],
    ...(claims?.domain && { domain: claims.domain }),
  }
  const token = issue(contents, kid, signer)
  return { token, badge: parseBadge(token, { requireKey: true }) }
}

function readKey(jwk: string, createSigner: SignBadgeOptions['createSigner']): PrivateKey {
  try {
    return parsePrivateJwk(parseJson(jwk), createSigner)
  } catch (refused) {
    if (!(refused instanceof DidRefused)) throw refused
    throw invalidArgument([{ field: 'private_key_jwk', description: refused.message }])
  }
}

/** What is no JSON is no JWK either. The parser's message would quote the key. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function subjectKey(did: string): Uint8Array {
  try {
    return parseDidKey(did)
  } catch (refused) {
    if (!(refused instanceof DidRefused)) throw refused
    throw invalidArgument([{ field: 'claims.sub', description: refused.message }])
  }
}

function issue(contents: BadgeContents, kid: string, signer: Ed25519Signer): string {
  try {
    return issueBadge(contents, kid, signer)
  } catch (refused) {
    // The rules for issuing are those for verifying; whoever called gave the contents.
    if (!(refused instanceof TypeError)) throw refused
    throw invalidArgument([{ field: 'claims', description: refused.message }])
  }
}

function refuseIf(checks: readonly (readonly [wrong: boolean, field: string, description: string])[]): void {
  const violations: FieldViolation[] = checks
    .filter(([wrong]) => wrong)
    .map(([, field, description]) => ({ field, description }))
  if (violations.length > 0) throw invalidArgument(violations)
}
