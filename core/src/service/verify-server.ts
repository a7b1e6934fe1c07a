import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  ServerError,
  ServerState,
  ServerTransport,
  type VerifyServerConfig,
  type VerifyServerRequest,
  type VerifyServerResponseSchema,
} from '@capiscio/proto/core/v1'
import type { ServerEndpoint } from '../domain/identity/origin-binding.ts'
import type { PossessionProof } from '../domain/identity/proof-of-possession.ts'
import { SERVER_PROBLEM_CODES } from '../domain/identity/server-problem.ts'
import type { ServerClaim, ServerDemands, ServerVerification } from '../domain/identity/verify-server.ts'
import { EVALUATE_LIMITS } from './evaluate-limits.ts'
import { type FieldViolation, invalidArgument } from './rpc-fault.ts'

/** Oldest proof that counts when a request does not say. */
const POP_MAX_AGE_MS = 30_000

/** Longest age that a request may ask for: a nonce is for one handshake. */
const POP_MAX_AGE_LIMIT_MS = 600_000

const TRANSPORTS: ReadonlySet<number> = new Set(Object.values(ServerTransport))

const METHODS: ReadonlySet<string> = new Set(['initialize', 'server/discover'])

const STATES: Readonly<Record<ServerVerification['state'], ServerState>> = {
  VERIFIED_PRINCIPAL: ServerState.VERIFIED_PRINCIPAL,
  DECLARED_PRINCIPAL: ServerState.DECLARED_PRINCIPAL,
  UNVERIFIED_ORIGIN: ServerState.UNVERIFIED_ORIGIN,
}

/**
 * Turns a message from the wire into what a client saw and demands.
 *
 * @throws {RpcFault} INVALID_ARGUMENT naming every wrong field. What the server disclosed is
 *   not judged here: a bad identity is an answer.
 */
export function decodeVerifyServer(message: VerifyServerRequest): { claim: ServerClaim; demands: ServerDemands } {
  const violations: FieldViolation[] = []
  const check = (valid: boolean, field: string, description: string): void => {
    if (!valid) violations.push({ field, description })
  }
  const endpoint = decodeEndpoint(message, check)
  const proof = decodeProof(message, check)
  const demands = decodeDemands(message.config, check)
  if (violations.length > 0 || endpoint === undefined) throw invalidArgument(violations)
  const { serverDid: did = '', serverBadge: badge = '' } = message.identity ?? {}
  return { claim: { identity: { did, badge }, endpoint, ...(proof && { proof }) }, demands }
}

/** A verification as `capiscio.core.v1` carries it. */
export function encodeServerVerification(
  verification: ServerVerification,
): MessageInitShape<typeof VerifyServerResponseSchema> {
  const { problem, trustLevel } = verification
  return {
    state: STATES[verification.state],
    error: problem === undefined ? ServerError.UNSPECIFIED : ServerError[problem],
    code: problem === undefined ? '' : SERVER_PROBLEM_CODES[problem],
    message: verification.message,
    serverDid: verification.did,
    badgeJti: verification.badgeJti ?? '',
    ...(trustLevel !== undefined && { trustLevel }),
    popVerified: verification.popVerified,
  }
}

/** The URL of an HTTP endpoint; `undefined` for what is none. User info would name another party than the host. */
export function parseEndpointUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  return isHttp && url.username === '' && url.password === '' ? url : undefined
}

type Check = (valid: boolean, field: string, description: string) => void

function decodeEndpoint(message: VerifyServerRequest, check: Check): ServerEndpoint | undefined {
  const { transport, transportOrigin, endpointPath } = message
  check(TRANSPORTS.has(transport), 'transport', `${transport} is not a transport`)
  const isHttp =
    transport === ServerTransport.HTTP || (transport === ServerTransport.UNSPECIFIED && transportOrigin !== '')
  if (!isHttp) {
    // A place that is given and not compared would look like a check that passed.
    check(transportOrigin === '', 'transport_origin', 'must be empty for stdio: a child process has no origin')
    check(endpointPath === '', 'endpoint_path', 'must be empty for stdio: a child process has no path')
    return { transport: 'stdio' }
  }
  const url = parseEndpointUrl(transportOrigin)
  check(url !== undefined, 'transport_origin', 'must be the URL origin that was contacted: https://mcp.example.com')
  check(endpointPath === '' || endpointPath.startsWith('/'), 'endpoint_path', 'must begin with / or be empty')
  return url && { transport: 'http', url, ...(endpointPath !== '' && { path: endpointPath }) }
}

function decodeProof({ proof, transportOrigin }: VerifyServerRequest, check: Check): PossessionProof | undefined {
  if (proof === undefined) return undefined
  const { nonce, createdAt, signature, boundSignature, method } = proof
  check(nonce !== '', 'proof.nonce', 'is required: the nonce that was sent')
  check(createdAt > 0n, 'proof.created_at', 'is required: when the nonce was made, in Unix seconds')
  check(method === '' || METHODS.has(method), 'proof.method', 'must be initialize, server/discover or empty')
  return {
    nonce,
    createdAtMs: Number(createdAt) * 1000,
    signature,
    boundSignature,
    method: method === '' ? 'initialize' : method,
    audience: parseEndpointUrl(transportOrigin)?.origin ?? 'stdio',
  }
}

function decodeDemands(config: VerifyServerConfig | undefined, check: Check): ServerDemands {
  const { minTrustLevel = 0, trustedIssuers = [] } = config ?? {}
  check(minTrustLevel <= 4, 'config.min_trust_level', `must be 0 to 4, not ${minTrustLevel}`)
  check(
    trustedIssuers.length <= EVALUATE_LIMITS.trustedIssuers,
    'config.trusted_issuers',
    `must be at most ${EVALUATE_LIMITS.trustedIssuers} entries`,
  )
  const age = config?.popMaxAge
  const popMaxAgeMs = age === undefined ? POP_MAX_AGE_MS : Number(age.seconds) * 1000 + age.nanos / 1_000_000
  check(
    popMaxAgeMs > 0 && popMaxAgeMs <= POP_MAX_AGE_LIMIT_MS,
    'config.pop_max_age',
    'must be above 0 and at most 600s',
  )
  return {
    trustedIssuers,
    minTrustLevel: minTrustLevel as ServerDemands['minTrustLevel'],
    acceptLevelZero: config?.acceptLevelZero ?? false,
    offline: config?.offlineMode ?? false,
    skipOriginBinding: config?.skipOriginBinding ?? false,
    requirePop: config?.requirePop ?? false,
    popMaxAgeMs,
  }
}
