import { create } from '@bufbuild/protobuf'
import type { EvaluateToolAccessRequest } from '@capiscio/proto/core/v1'
import { CoreService, EvaluateToolAccessRequestSchema } from '@capiscio/proto/core/v1'
import type { CallLimits, DecidedGuardConfig, ToolAccess } from '@capiscio/proto/sdk'
import {
  CoreTimeoutError,
  decideGuardConfig,
  decodeDecision,
  GUARD_CONFIG_NAMES,
  readOptions,
  requireToolName,
  startBudget,
  withLimits,
} from '@capiscio/proto/sdk'
import { throwIfAborted } from './abort-signal.ts'
import type { CallerCredential } from './caller-credential.ts'
import { resolveSecret, toCallerCredential } from './caller-credential.ts'
import type { EvaluateToolAccessOptions } from './client.ts'
import { computeParamsHash } from './params-hash.ts'
import type { UnaryTransport } from './transport.ts'
import { SDK_VERSION } from './version.ts'

export const EVALUATE_OPTION_NAMES = [
  'credential',
  'config',
  'serverOrigin',
  'signal',
  'timeoutMs',
] as const satisfies readonly (keyof EvaluateToolAccessOptions)[]

/** One complete question. Everything in it was taken from the caller before the first `await`. */
export interface Question {
  readonly toolName: string
  readonly paramsHash: Promise<string>
  readonly credential: CallerCredential | undefined
  readonly serverOrigin: string
  readonly config: DecidedGuardConfig | undefined
}

/** @throws TypeError for wrong use. Arguments that are not JSON reject `paramsHash`. */
export function takeQuestion(toolName: string, params: unknown, options: EvaluateToolAccessOptions): Question {
  requireToolName(toolName)
  const { credential, config, serverOrigin = '' } = options
  if (typeof serverOrigin !== 'string' || !serverOrigin.isWellFormed()) {
    throw new TypeError('serverOrigin must be a well-formed string, such as "https://mcp.example.com".')
  }
  return {
    toolName,
    credential: credential === undefined ? undefined : toCallerCredential(credential),
    serverOrigin,
    config: config === undefined ? undefined : decideGuardConfig(readOptions(config, GUARD_CONFIG_NAMES, 'config')),
    // Last, so that nothing above leaves it behind rejected and unheard.
    paramsHash: computeParamsHash(params === undefined ? {} : params),
  }
}

/**
 * Asks the core once and reads its answer.
 *
 * @param verified Resolves when the core is known to be one that can be asked.
 * @throws CapiscioError when there is no answer. The tool must not run then.
 */
export async function evaluateOver(
  transport: UnaryTransport,
  verified: (limits: CallLimits) => Promise<void>,
  question: Question,
  { signal, timeoutMs }: CallLimits,
): Promise<ToolAccess> {
  const budget = startBudget(timeoutMs)
  const limits = (): CallLimits => ({ signal, timeoutMs: budget.remainingMs() })
  const paramsHash = await question.paramsHash
  throwIfAborted(signal)
  const { credential, toolName } = question
  const late = (): Error =>
    new CoreTimeoutError(
      `The badge callback took longer than ${timeoutMs} ms; the tool was not run. Raise timeoutMs if that is normal.`,
    )
  const secret = credential === undefined ? undefined : await withLimits(resolveSecret(credential), limits(), late)
  const secrets = secret === undefined ? [] : [secret]
  await verified(limits())
  const request = toRequest(question, paramsHash, secret)
  const method = CoreService.method.evaluateToolAccess
  const { decision } = await transport.unary(method, request, { ...limits(), secrets })
  return decodeDecision(decision, { toolName, paramsHash }, secrets)
}

function toRequest(question: Question, paramsHash: string, secret: string | undefined): EvaluateToolAccessRequest {
  const { config, credential, toolName, serverOrigin } = question
  return create(EvaluateToolAccessRequestSchema, {
    toolName,
    paramsHash,
    serverOrigin,
    ...(credential !== undefined && secret !== undefined
      ? { credential: { case: credential.kind === 'badge' ? 'badgeJws' : 'apiKey', value: secret } }
      : {}),
    ...(config !== undefined
      ? { config: config.message, policyVersion: config.policyVersion, enforcementMode: config.enforcementMode }
      : {}),
    sdk: `@capiscio/mcp-browser/${SDK_VERSION}`,
  })
}
