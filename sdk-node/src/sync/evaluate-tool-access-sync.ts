import type { ToolAccess } from '@capiscio/proto/sdk'
import {
  decideGuardConfig,
  GUARD_CONFIG_NAMES,
  readOptions,
  requireTimeoutMs,
  requireToolName,
} from '@capiscio/proto/sdk'
import { getAbortSignal } from '../abort-signal.ts'
import { toCallerCredential } from '../caller-credential.ts'
import { getCredential } from '../credential.ts'
import type { EvaluateToolAccessOptions } from '../evaluate-tool-access.ts'
import { computeParamsHash } from '../params-hash.ts'
import { getServerOrigin } from '../server-origin.ts'
import { askCoreSync } from './ask-core-sync.ts'
import type { SyncCallOptions } from './sync-call.ts'

const NAMES = ['credential', 'config', 'traceparent', 'timeoutMs', 'core'] as const

/**
 * `evaluateToolAccess`, blocking this thread while a worker asks. Works inside a running event
 * loop; a badge callback must answer at once.
 *
 * @throws TypeError for wrong use.
 * @throws CapiscioError when the core gave no answer.
 */
export function evaluateToolAccessSync(
  toolName: string,
  params: unknown,
  options: Omit<EvaluateToolAccessOptions, 'signal' | 'client'> & SyncCallOptions = {},
): ToolAccess {
  requireToolName(toolName)
  readOptions(options, NAMES, 'The options of evaluateToolAccessSync')
  const { credential, config, traceparent, timeoutMs, core } = options
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  // A present `undefined` means an anonymous caller, and never the context's.
  const own = Object.hasOwn(options, 'credential')
  const given = credential === undefined ? undefined : toCallerCredential(credential)
  const question = {
    toolName,
    paramsHash: computeParamsHash(params === undefined ? {} : params),
    credential: own ? given : getCredential(),
    serverOrigin: getServerOrigin(),
    config: config === undefined ? undefined : decideGuardConfig(readOptions(config, GUARD_CONFIG_NAMES, 'config')),
    signal: getAbortSignal(),
    traceparent,
    timeoutMs,
  }
  return askCoreSync(question, core)
}
