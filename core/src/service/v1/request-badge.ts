import type { MessageInitShape } from '@bufbuild/protobuf'
import { defaultKid, type IssuedBadge, RegistrationError, type RegistryClient } from '@capiscio/proto/registry'
import type {
  RequestBadgeRequest,
  RequestBadgeResponseSchema,
  RequestPoPBadgeRequest,
  RequestPoPBadgeResponseSchema,
} from '@capiscio/proto/v1'
import { TrustLevel as OldTrustLevel } from '@capiscio/proto/v1'
import { DidRefused } from '../../domain/did/did-refused.ts'
import { parsePrivateJwk } from '../../domain/did/private-jwk.ts'
import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import type { RegistryClients } from '../registry-clients.ts'
import { fromOldTrustLevel, toOldTrustLevel } from './old-trust-level.ts'

export interface RequestBadgeOptions {
  readonly registries: RegistryClients
  /** A signer for the private key that the 32-byte seed stands for (RFC 8032). */
  readonly createSigner: (seed: Uint8Array) => Ed25519Signer
}

/** Why no badge was had, as the old messages say it. */
export interface OldFailure {
  readonly error: string
  readonly errorCode: string
}

/** Codes of the older client, by the registry's HTTP status (registry.md §3). */
const ERROR_CODES: Readonly<Record<number, string>> = {
  401: 'AUTH_INVALID',
  403: 'FORBIDDEN',
  404: 'AGENT_NOT_FOUND',
  409: 'CONFLICT',
}

/** `BadgeService.RequestBadge`: a badge on the word of the account, from a configured registry. */
export async function requestBadge(
  request: RequestBadgeRequest,
  { registries }: RequestBadgeOptions,
): Promise<MessageInitShape<typeof RequestBadgeResponseSchema>> {
  const client = openOldRegistry(registries, request.caUrl, request.apiKey)
  if ('error' in client) return { success: false, ...client }
  const terms = oldTerms(request)
  if ('error' in terms) return { success: false, ...terms }
  try {
    const badge = await client.requestBadge({ kind: 'agent', reference: request.agentId }, terms)
    const { token, jti, subject, expiresAt } = badge
    return { success: true, token, jti, subject, trustLevel: oldLevelOf(badge), expiresAt: BigInt(expiresAt) }
  } catch (cause) {
    return { success: false, ...oldFailure(cause) }
  }
}

/** `BadgeService.RequestPoPBadge`: a badge for a proof of possession. The caller's key is used once and not kept. */
export async function requestPoPBadge(
  request: RequestPoPBadgeRequest,
  { registries, createSigner }: RequestBadgeOptions,
): Promise<MessageInitShape<typeof RequestPoPBadgeResponseSchema>> {
  const { agentDid, ttlSeconds, audience } = request
  const client = openOldRegistry(registries, request.caUrl, request.apiKey)
  if ('error' in client) return { success: false, ...client }
  const key = readKey(request.privateKeyJwk, createSigner)
  if ('error' in key) return { success: false, ...key }
  const kid = key.kid?.startsWith(`${agentDid}#`) ? key.kid : defaultKid(agentDid)
  try {
    const badge = await client.requestProvenBadge(
      agentDid,
      { kid, sign: (message) => key.signer.sign(message) },
      { ...(ttlSeconds !== 0 && { ttlSeconds }), audience },
    )
    const { token, jti, subject, level, ial, expiresAt, confirmedKeyId } = badge
    return {
      success: true,
      ...{ token, jti, subject },
      trustLevel: String(level),
      assuranceLevel: `IAL-${ial}`,
      expiresAt: BigInt(expiresAt),
      ...(confirmedKeyId !== undefined && { cnf: { kid: confirmedKeyId } }),
    }
  } catch (cause) {
    return { success: false, ...oldFailure(cause) }
  }
}

/** A client of a registry that the operator configured; a caller names no other. */
export function openOldRegistry(
  registries: RegistryClients,
  caUrl: string,
  apiKey: string,
): RegistryClient | OldFailure {
  const registry = registries.find(caUrl)
  if (typeof registry === 'string') return { errorCode: 'CA_NOT_CONFIGURED', error: `ca_url: ${registry}` }
  if (!/^[!-~]{0,512}$/.test(apiKey)) {
    return { errorCode: 'AUTH_INVALID', error: 'api_key: must be at most 512 visible ASCII characters' }
  }
  return registries.open(registry, apiKey === '' ? undefined : apiKey)
}

/** What an old request asks for; zero and empty are what a client sends that wants nothing. */
export function oldTerms(request: {
  readonly ttlSeconds: number
  readonly trustLevel: OldTrustLevel
  readonly domain: string
  readonly audience?: readonly string[]
}) {
  const { ttlSeconds, trustLevel, domain, audience = [] } = request
  const level = trustLevel === OldTrustLevel.UNSPECIFIED ? undefined : fromOldTrustLevel(trustLevel)
  if (level === undefined && trustLevel !== OldTrustLevel.UNSPECIFIED) {
    const error = 'trust_level: no badge has this level; leave it out'
    return { errorCode: 'CA_ERROR', error }
  }
  return {
    ...(ttlSeconds !== 0 && { ttlSeconds }),
    ...(level !== undefined && { level }),
    ...(domain !== '' && { domain }),
    audience,
  }
}

export function oldLevelOf({ level }: IssuedBadge): OldTrustLevel {
  return toOldTrustLevel(level as 0 | 1 | 2 | 3 | 4)
}

export function oldFailure(thrown: unknown): OldFailure {
  if (!(thrown instanceof RegistrationError)) throw thrown
  return { errorCode: ERROR_CODES[thrown.statusCode ?? 0] ?? 'CA_ERROR', error: thrown.message }
}

function readKey(jwk: string, createSigner: RequestBadgeOptions['createSigner']) {
  try {
    return parsePrivateJwk(parseStrictJsonObject(jwk), createSigner)
  } catch (cause) {
    if (cause instanceof DidRefused) return { errorCode: cause.code, error: `private_key_jwk: ${cause.message}` }
    if (cause instanceof SyntaxError) {
      return { errorCode: 'KEY_MALFORMED', error: 'private_key_jwk: must be a JWK as JSON text' }
    }
    throw cause
  }
}
