import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { EnforcementMode, EvaluateToolAccessRequestSchema } from '@capiscio/proto/core/v1'
import {
  type EvaluateToolAccessRequest,
  type EvaluateToolAccessResponseSchema,
  MCPAuthLevel,
  MCPDecision,
  MCPDenyReason,
  MCPService,
  type ParseServerIdentityRequest,
} from '@capiscio/proto/v1'
import type { AccessRequest } from '../../domain/guard/access-request.ts'
import type { Decision } from '../../domain/guard/decision.ts'
import type { DenyReason } from '../../domain/guard/deny-reason.ts'
import {
  type DisclosedIdentity,
  DisclosureRefused,
  identityFromHeaders,
  identityFromMeta,
} from '../../domain/identity/disclosed-identity.ts'
import type { ServerVerifier } from '../../domain/identity/verify-server.ts'
import type { AllowedToolsCompiler } from '../../domain/policy/allowed-tools.ts'
import { decodeAccessRequest } from '../decode-access-request.ts'
import type { EvaluateAccess } from '../evaluate-access.ts'
import { invalidArgument } from '../rpc-fault.ts'
import { type CallContext, implementService } from '../service-implementation.ts'
import { isCompatibleClient, REPORTED_CORE_VERSION, REPORTED_PROTO_VERSION } from './client-version.ts'
import { decodeOldVerifyServer, encodeOldServerVerification } from './verify-server-identity.ts'

/** Old numbers of our reasons (design: table of reasons, codes and the old enum). */
const DENY_REASONS: Readonly<Record<DenyReason, MCPDenyReason>> = {
  BADGE_MISSING: MCPDenyReason.MCP_DENY_REASON_BADGE_MISSING,
  API_KEY_UNKNOWN: MCPDenyReason.MCP_DENY_REASON_BADGE_INVALID,
  BADGE_MALFORMED: MCPDenyReason.MCP_DENY_REASON_BADGE_INVALID,
  BADGE_CLAIMS_INVALID: MCPDenyReason.MCP_DENY_REASON_BADGE_INVALID,
  BADGE_SIGNATURE_INVALID: MCPDenyReason.MCP_DENY_REASON_BADGE_INVALID,
  BADGE_NOT_YET_VALID: MCPDenyReason.MCP_DENY_REASON_BADGE_INVALID,
  BADGE_AUDIENCE_MISMATCH: MCPDenyReason.MCP_DENY_REASON_BADGE_INVALID,
  STATUS_CHECK_FAILED: MCPDenyReason.MCP_DENY_REASON_BADGE_INVALID,
  BADGE_EXPIRED: MCPDenyReason.MCP_DENY_REASON_BADGE_EXPIRED,
  BADGE_REVOKED: MCPDenyReason.MCP_DENY_REASON_BADGE_REVOKED,
  AGENT_DISABLED: MCPDenyReason.MCP_DENY_REASON_BADGE_REVOKED,
  TRUST_INSUFFICIENT: MCPDenyReason.MCP_DENY_REASON_TRUST_INSUFFICIENT,
  IAL_INSUFFICIENT: MCPDenyReason.MCP_DENY_REASON_TRUST_INSUFFICIENT,
  TOOL_NOT_ALLOWED: MCPDenyReason.MCP_DENY_REASON_TOOL_NOT_ALLOWED,
  ISSUER_UNTRUSTED: MCPDenyReason.MCP_DENY_REASON_ISSUER_UNTRUSTED,
  POLICY_DENIED: MCPDenyReason.MCP_DENY_REASON_POLICY_DENIED,
  SCOPE_INSUFFICIENT: MCPDenyReason.MCP_DENY_REASON_SCOPE_INSUFFICIENT,
  ENVELOPE_INVALID: MCPDenyReason.MCP_DENY_REASON_POLICY_DENIED,
  ENVELOPE_EXPIRED: MCPDenyReason.MCP_DENY_REASON_POLICY_DENIED,
  EVIDENCE_UNAVAILABLE: MCPDenyReason.MCP_DENY_REASON_UNSPECIFIED,
  INTERNAL: MCPDenyReason.MCP_DENY_REASON_UNSPECIFIED,
}

const AUTH_LEVELS = {
  anonymous: MCPAuthLevel.MCP_AUTH_LEVEL_ANONYMOUS,
  apikey: MCPAuthLevel.MCP_AUTH_LEVEL_API_KEY,
  badge: MCPAuthLevel.MCP_AUTH_LEVEL_BADGE,
} as const

const ENFORCEMENT_MODES: Readonly<Record<string, EnforcementMode>> = Object.assign(Object.create(null), {
  '': EnforcementMode.UNSPECIFIED,
  OBSERVE: EnforcementMode.OBSERVE,
  GUARD: EnforcementMode.GUARD,
  DELEGATE: EnforcementMode.DELEGATE,
  STRICT: EnforcementMode.STRICT,
})

export interface McpServiceOptions {
  readonly evaluate: EvaluateAccess
  readonly allowedTools: AllowedToolsCompiler
  readonly servers: ServerVerifier
  readonly isReady: () => boolean
}

/**
 * `capiscio.v1.MCPService`, the calls that existing clients make: a thin translation onto
 * the same decisions and verifications. `EvaluatePolicyDecision` is not offered.
 */
export function createMcpService({ evaluate, allowedTools, servers, isReady }: McpServiceOptions) {
  return implementService(MCPService, {
    async evaluateToolAccess(message, { header }) {
      const decision = await evaluate(decodeOldRequest(message, allowedTools, header))
      return encodeOldResponse(decision, message.capabilityClass)
    },

    async verifyServerIdentity(message) {
      const { claim, demands } = decodeOldVerifyServer(message)
      return encodeOldServerVerification(await servers.verify(claim, demands))
    },

    async parseServerIdentity({ source }) {
      const identity = readIdentity(source)
      return {
        serverDid: identity?.did ?? '',
        serverBadge: identity?.badge ?? '',
        identityPresent: identity !== undefined,
      }
    },

    async health({ clientVersion }) {
      return {
        healthy: isReady(),
        coreVersion: REPORTED_CORE_VERSION,
        protoVersion: REPORTED_PROTO_VERSION,
        versionCompatible: isCompatibleClient(clientVersion),
      }
    },
  })
}

function decodeOldRequest(
  message: EvaluateToolAccessRequest,
  allowedTools: AllowedToolsCompiler,
  header: CallContext['header'],
): AccessRequest {
  const { config, callerCredential } = message
  const mode = ENFORCEMENT_MODES[message.enforcementMode.trim().toUpperCase().replace(/^EM-/, '')]
  if (mode === undefined) {
    throw invalidArgument([
      { field: 'enforcement_mode', description: 'must be EM-OBSERVE, EM-GUARD, EM-DELEGATE, EM-STRICT or empty' },
    ])
  }
  // The old field is signed; a negative minimum would lower nothing, and is a mistake.
  if (config !== undefined && config.minTrustLevel < 0) {
    throw invalidArgument([
      { field: 'config.min_trust_level', description: `must be 0 to 4, not ${config.minTrustLevel}` },
    ])
  }
  const translated = create(EvaluateToolAccessRequestSchema, {
    toolName: message.toolName,
    paramsHash: message.paramsHash,
    serverOrigin: message.serverOrigin,
    credential: callerCredential,
    policyVersion: message.policyVersion,
    enforcementMode: mode,
    ...(config && {
      config: {
        minTrustLevel: config.minTrustLevel,
        requireBadge: config.requireBadge,
        acceptLevelZero: config.acceptLevelZero,
        trustedIssuers: config.trustedIssuers,
        allowedTools: config.allowedTools,
      },
    }),
  })
  // The old contract has no field for either: the call's own headers say what can be known.
  return decodeAccessRequest(translated, allowedTools, {
    anyParamsHash: true,
    traceparent: header('traceparent'),
    userAgent: header('user-agent'),
  })
}

function encodeOldResponse(
  decision: Decision,
  presentedCapability: string,
): MessageInitShape<typeof EvaluateToolAccessResponseSchema> {
  const { principal, evidence, reason } = decision
  const denied = reason !== undefined
  return {
    decision: decision.outcome === 'ALLOW' ? MCPDecision.MCP_DECISION_ALLOW : MCPDecision.MCP_DECISION_DENY,
    denyReason: denied ? DENY_REASONS[reason] : MCPDenyReason.MCP_DENY_REASON_UNSPECIFIED,
    denyDetail: denied ? decision.message : '',
    agentDid: principal.name,
    badgeJti: principal.badgeJti ?? '',
    authLevel: AUTH_LEVELS[decision.authLevel],
    trustLevel: principal.trustLevel ?? 0,
    evidenceJson: evidence === undefined ? '' : new TextDecoder().decode(evidence.leaf),
    evidenceId: evidence?.id ?? '',
    timestamp: timestampFromMs(decision.atMs),
    errorCode: decision.code,
    rejectionDetail: denied ? decision.message : '',
    presentedCapability: denied ? presentedCapability : '',
  }
}

/** The old contract has no error for a disclosure that cannot be read: nothing is disclosed then. */
function readIdentity(source: ParseServerIdentityRequest['source']): DisclosedIdentity | undefined {
  try {
    switch (source.case) {
      case 'httpHeaders':
        return identityFromHeaders(source.value.capiscioServerDid, source.value.capiscioServerBadge)
      case 'jsonrpcMeta':
        return identityFromMeta(source.value.metaJson)
      case undefined:
        return undefined
    }
  } catch (refused) {
    if (refused instanceof DisclosureRefused) return undefined
    throw refused
  }
}
