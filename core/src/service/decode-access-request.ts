import type { EvaluateToolAccessRequest, GuardConfig } from '@capiscio/proto/core/v1'
import { EnforcementMode } from '@capiscio/proto/core/v1'
import type { AccessRequest, Credential, ServerDemands } from '../domain/guard/access-request.ts'
import type { AllowedTools, AllowedToolsCompiler } from '../domain/policy/allowed-tools.ts'
import { ToolPatternRefused } from '../domain/policy/tool-pattern-refused.ts'
import { parseTraceparent } from '../lib/traceparent.ts'
import { EVALUATE_LIMITS as LIMITS } from './evaluate-limits.ts'
import { type FieldViolation, invalidArgument } from './rpc-fault.ts'

const PARAMS_HASH = /^sha256:[A-Za-z0-9_-]{43}$/
/** Stands where a list could not be read; such a request goes no further. */
const NO_TOOLS: AllowedTools = { covers: () => false }
const ENFORCEMENT_MODES: ReadonlySet<number> = new Set(Object.values(EnforcementMode))

export interface DecodeOptions {
  /** Take a parameter hash of any shape, as clients of the old contract may send. Default false. */
  readonly anyParamsHash?: boolean
  /** Trace context of the call itself, for a request that states none. Attacker-controlled. */
  readonly traceparent?: string | undefined
  /** Who calls, for a request that does not name its SDK. Attacker-controlled. */
  readonly userAgent?: string | undefined
}

/**
 * Turns a message from the wire into a question for the guard.
 *
 * @throws {RpcFault} INVALID_ARGUMENT naming every wrong field. Credentials are not
 *   judged here: a bad one is an answer, not a malformed request.
 */
export function decodeAccessRequest(
  message: EvaluateToolAccessRequest,
  compiler: AllowedToolsCompiler,
  { anyParamsHash = false, traceparent, userAgent = '' }: DecodeOptions = {},
): AccessRequest {
  const violations: FieldViolation[] = []
  const check = (valid: boolean, field: string, description: string): void => {
    if (!valid) violations.push({ field, description })
  }
  const checkBytes = (text: string, max: number, field: string): void =>
    check(byteLength(text, max) <= max, field, `must be at most ${max} bytes of UTF-8`)

  check(message.toolName !== '', 'tool_name', 'is required: the name of the tool as in tools/call')
  checkBytes(message.toolName, LIMITS.toolNameBytes, 'tool_name')
  check(
    anyParamsHash || message.paramsHash === '' || PARAMS_HASH.test(message.paramsHash),
    'params_hash',
    'must be empty, or "sha256:" and 43 characters of base64url without padding',
  )
  checkBytes(message.paramsHash, LIMITS.paramsHashBytes, 'params_hash')
  checkBytes(message.serverOrigin, LIMITS.serverOriginBytes, 'server_origin')
  checkBytes(message.policyVersion, LIMITS.policyVersionBytes, 'policy_version')
  check(ENFORCEMENT_MODES.has(message.enforcementMode), 'enforcement_mode', `${message.enforcementMode} is not a mode`)
  checkBytes(message.traceparent, LIMITS.traceparentBytes, 'traceparent')
  checkBytes(message.sdk, LIMITS.sdkBytes, 'sdk')
  const demands = message.config && decodeDemands(message.config, compiler, check, checkBytes)
  if (violations.length > 0) throw invalidArgument(violations)

  return {
    toolName: message.toolName,
    paramsHash: message.paramsHash,
    serverOrigin: message.serverOrigin,
    credential: decodeCredential(message.credential),
    demands,
    requestPolicyVersion: message.policyVersion,
    // What is no trace context is left out: it must not keep a tool from running.
    traceparent: parseTraceparent(message.traceparent === '' ? traceparent : message.traceparent) ?? '',
    sdk: message.sdk === '' ? userAgent.slice(0, LIMITS.sdkBytes) : message.sdk,
  }
}

function decodeCredential(credential: EvaluateToolAccessRequest['credential']): Credential {
  switch (credential.case) {
    case 'badgeJws':
      return { kind: 'badge', token: credential.value }
    case 'apiKey':
      return { kind: 'apiKey', key: credential.value }
    case undefined:
      return { kind: 'anonymous' }
  }
}

function decodeDemands(
  config: GuardConfig,
  compiler: AllowedToolsCompiler,
  check: (valid: boolean, field: string, description: string) => void,
  checkBytes: (text: string, max: number, field: string) => void,
): ServerDemands {
  const { minTrustLevel, minIal, trustedIssuers, allowedTools } = config
  // Whoever asks is newer than this core. What it demands cannot be met by leaving it out.
  const unknown = (config.$unknown ?? []).map(({ no }) => no)
  check(
    unknown.length === 0,
    'config',
    `must hold only demands that this core knows: it does not know field ${unknown.join(', ')}. Update @capiscio/core`,
  )
  check(minTrustLevel <= 4, 'config.min_trust_level', `must be 0 to 4, not ${minTrustLevel}`)
  check(minIal <= 1, 'config.min_ial', `must be 0 or 1, not ${minIal}`)
  check(
    trustedIssuers.length <= LIMITS.trustedIssuers,
    'config.trusted_issuers',
    `must be at most ${LIMITS.trustedIssuers} entries`,
  )
  return {
    minTrustLevel: minTrustLevel as ServerDemands['minTrustLevel'],
    minIal: minIal as ServerDemands['minIal'],
    requireBadge: config.requireBadge,
    acceptLevelZero: config.acceptLevelZero,
    trustedIssuers,
    allowedTools: decodeAllowedTools(allowedTools, compiler, check, checkBytes),
  }
}

/** Nothing beyond a limit is compiled: that would cost what the limit is there to save. */
function decodeAllowedTools(
  patterns: readonly string[],
  compiler: AllowedToolsCompiler,
  check: (valid: boolean, field: string, description: string) => void,
  checkBytes: (text: string, max: number, field: string) => void,
): AllowedTools {
  const { allowedTools, allowedToolBytes, allowedToolsBytes } = LIMITS
  check(patterns.length <= allowedTools, 'config.allowed_tools', `must be at most ${allowedTools} patterns`)
  if (patterns.length > allowedTools) return NO_TOOLS
  patterns.forEach((pattern, index) => {
    checkBytes(pattern, allowedToolBytes, `config.allowed_tools[${index}]`)
  })
  if (patterns.some((pattern) => byteLength(pattern, allowedToolBytes) > allowedToolBytes)) return NO_TOOLS
  const isShort = patterns.reduce((sum, pattern) => sum + Buffer.byteLength(pattern), 0) <= allowedToolsBytes
  check(isShort, 'config.allowed_tools', `must be at most ${allowedToolsBytes} bytes together`)
  if (!isShort) return NO_TOOLS
  try {
    return compiler.compile(patterns)
  } catch (refused) {
    if (!(refused instanceof ToolPatternRefused)) throw refused
    check(false, `config.allowed_tools[${refused.index ?? 0}]`, refused.message)
    return NO_TOOLS
  }
}

/** Counts UTF-8 bytes only as far as the limit needs. */
function byteLength(text: string, max: number): number {
  if (text.length > max) return text.length
  return text.length * 3 <= max ? text.length : Buffer.byteLength(text)
}
