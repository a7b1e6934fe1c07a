import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  type AuthenticateCallerRequest,
  type AuthenticateCallerResponseSchema,
  EvaluateToolAccessRequestSchema,
} from '@capiscio/proto/core/v1'
import type { AccessRequest } from '../domain/guard/access-request.ts'
import type { Authentication } from '../domain/guard/tool-guard.ts'
import type { AllowedToolsCompiler } from '../domain/policy/allowed-tools.ts'
import { decodeAccessRequest } from './decode-access-request.ts'
import { AUTH_LEVELS, encodeDecision } from './encode-decision.ts'
import { type FieldViolation, invalidArgument, RpcFault } from './rpc-fault.ts'

/**
 * Reads the question who calls. Its fields are those of a decision about a tool, with the
 * endpoint in place of the tool's name.
 *
 * @throws {RpcFault} INVALID_ARGUMENT naming every wrong field
 */
export function decodeAuthenticateCaller(
  message: AuthenticateCallerRequest,
  compiler: AllowedToolsCompiler,
  traceparent: string | undefined,
): AccessRequest {
  const { endpoint, credential, config, serverOrigin, sdk } = message
  const violations: FieldViolation[] = []
  // Records tell endpoints and tools apart by it.
  if (!endpoint.startsWith('/')) violations.push({ field: 'endpoint', description: 'must begin with "/"' })
  if (config !== undefined && config.allowedTools.length > 0) {
    violations.push({ field: 'config.allowed_tools', description: 'must be empty: no tool is asked for' })
  }
  const question = create(EvaluateToolAccessRequestSchema, {
    toolName: endpoint,
    ...{ credential, serverOrigin, sdk, traceparent: message.traceparent },
    ...(config && { config }),
  })
  try {
    const request = decodeAccessRequest(question, compiler, { traceparent })
    if (violations.length === 0) return request
  } catch (fault) {
    if (!(fault instanceof RpcFault)) throw fault
    for (const { field, description } of fault.violations) {
      violations.push({ field: field === 'tool_name' ? 'endpoint' : field, description })
    }
  }
  throw invalidArgument(violations)
}

export function encodeAuthentication(
  authentication: Authentication,
): MessageInitShape<typeof AuthenticateCallerResponseSchema> {
  if ('refusal' in authentication) {
    return { result: { case: 'refusal', value: encodeDecision(authentication.refusal) } }
  }
  const { caller, authLevel } = authentication
  const { principal, issuer, expiresAt } = caller
  return {
    result: {
      case: 'caller',
      value: {
        principal: principal.name,
        authLevel: AUTH_LEVELS[authLevel],
        badgeJti: principal.badgeJti ?? '',
        issuer: issuer ?? '',
        ...(principal.trustLevel !== undefined && { trustLevel: principal.trustLevel }),
        ...(principal.ial !== undefined && { ial: principal.ial }),
        ...(expiresAt !== undefined && { expiresAt: timestampFromMs(expiresAt * 1000) }),
      },
    },
  }
}
