import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  MCPServerErrorCode,
  MCPServerState,
  type VerifyServerIdentityRequest,
  type VerifyServerIdentityResponseSchema,
} from '@capiscio/proto/v1'
import { SERVER_PROBLEM_CODES, type ServerProblem } from '../../domain/identity/server-problem.ts'
import type { ServerClaim, ServerDemands, ServerVerification } from '../../domain/identity/verify-server.ts'
import { EVALUATE_LIMITS } from '../evaluate-limits.ts'
import { invalidArgument } from '../rpc-fault.ts'
import { parseEndpointUrl } from '../verify-server.ts'

const STATES: Readonly<Record<ServerVerification['state'], MCPServerState>> = {
  VERIFIED_PRINCIPAL: MCPServerState.MCP_SERVER_STATE_VERIFIED_PRINCIPAL,
  DECLARED_PRINCIPAL: MCPServerState.MCP_SERVER_STATE_DECLARED_PRINCIPAL,
  UNVERIFIED_ORIGIN: MCPServerState.MCP_SERVER_STATE_UNVERIFIED_ORIGIN,
}

/**
 * Old numbers of our problems (server-identity §6). Only a missing badge, which is a state
 * and no failure there, has none: old clients take 0 for success.
 */
const ERRORS: Readonly<Record<ServerProblem, MCPServerErrorCode>> = {
  IDENTITY_MISSING: MCPServerErrorCode.MCP_SERVER_ERROR_DID_INVALID,
  DID_INVALID: MCPServerErrorCode.MCP_SERVER_ERROR_DID_INVALID,
  BADGE_MISSING: MCPServerErrorCode.MCP_SERVER_ERROR_NONE,
  BADGE_INVALID: MCPServerErrorCode.MCP_SERVER_ERROR_BADGE_INVALID,
  BADGE_EXPIRED: MCPServerErrorCode.MCP_SERVER_ERROR_BADGE_EXPIRED,
  ISSUER_UNTRUSTED: MCPServerErrorCode.MCP_SERVER_ERROR_ISSUER_UNTRUSTED,
  DID_MISMATCH: MCPServerErrorCode.MCP_SERVER_ERROR_BADGE_INVALID,
  TRUST_INSUFFICIENT: MCPServerErrorCode.MCP_SERVER_ERROR_TRUST_INSUFFICIENT,
  BADGE_REVOKED: MCPServerErrorCode.MCP_SERVER_ERROR_BADGE_REVOKED,
  DOMAIN_MISMATCH: MCPServerErrorCode.MCP_SERVER_ERROR_ORIGIN_MISMATCH,
  PATH_MISMATCH: MCPServerErrorCode.MCP_SERVER_ERROR_PATH_MISMATCH,
  KEY_FETCH_FAILED: MCPServerErrorCode.MCP_SERVER_ERROR_BADGE_INVALID,
  POP_FAILED: MCPServerErrorCode.MCP_SERVER_ERROR_BADGE_INVALID,
  POP_EXPIRED: MCPServerErrorCode.MCP_SERVER_ERROR_BADGE_INVALID,
}

/**
 * Reads the old request. It has no field for the transport: an origin means HTTP, none means
 * a child process. Proof of possession is not part of that contract.
 *
 * @throws {RpcFault} INVALID_ARGUMENT for a malformed request
 */
export function decodeOldVerifyServer(message: VerifyServerIdentityRequest): {
  claim: ServerClaim
  demands: ServerDemands
} {
  const { serverDid, serverBadge, transportOrigin, endpointPath, config } = message
  const url = transportOrigin === '' ? undefined : parseEndpointUrl(transportOrigin)
  if (transportOrigin !== '' && url === undefined) {
    throw invalidArgument([{ field: 'transport_origin', description: 'must be a URL origin or empty' }])
  }
  const minTrustLevel = config?.minTrustLevel ?? 0
  if (minTrustLevel < 0 || minTrustLevel > 4) {
    throw invalidArgument([{ field: 'config.min_trust_level', description: `must be 0 to 4, not ${minTrustLevel}` }])
  }
  const trustedIssuers = config?.trustedIssuers ?? []
  if (trustedIssuers.length > EVALUATE_LIMITS.trustedIssuers) {
    const description = `must be at most ${EVALUATE_LIMITS.trustedIssuers} entries`
    throw invalidArgument([{ field: 'config.trusted_issuers', description }])
  }
  const endpoint: ServerClaim['endpoint'] =
    url === undefined
      ? { transport: 'stdio' }
      : { transport: 'http', url, ...(endpointPath !== '' && { path: endpointPath }) }
  return {
    claim: { identity: { did: serverDid, badge: serverBadge }, endpoint },
    demands: {
      trustedIssuers,
      minTrustLevel: minTrustLevel as ServerDemands['minTrustLevel'],
      acceptLevelZero: config?.acceptLevelZero ?? false,
      offline: config?.offlineMode ?? false,
      skipOriginBinding: config?.skipOriginBinding ?? false,
      requirePop: false,
      popMaxAgeMs: 0,
    },
  }
}

/** The detail begins with the RFC-007 code, which the old enum cannot always tell. */
export function encodeOldServerVerification({
  state,
  did,
  badgeJti,
  trustLevel,
  problem,
  message,
}: ServerVerification): MessageInitShape<typeof VerifyServerIdentityResponseSchema> {
  return {
    state: STATES[state],
    trustLevel: trustLevel ?? 0,
    serverDid: did,
    badgeJti: badgeJti ?? '',
    errorCode: problem === undefined ? MCPServerErrorCode.MCP_SERVER_ERROR_NONE : ERRORS[problem],
    errorDetail: problem === undefined ? '' : `${SERVER_PROBLEM_CODES[problem]}: ${message}`,
  }
}
