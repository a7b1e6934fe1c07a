import type { GuardConfig, ToolAccess } from '@capiscio/proto/sdk'
import {
  decideGuardConfig,
  GUARD_CONFIG_NAMES,
  readOptions,
  requireTimeoutMs,
  requireToolName,
} from '@capiscio/proto/sdk'
import { anySignal, getAbortSignal } from './abort-signal.ts'
import { askCore } from './ask-core.ts'
import type { CredentialInput } from './caller-credential.ts'
import { toCallerCredential } from './caller-credential.ts'
import type { CoreClient } from './client.ts'
import { getCredential } from './credential.ts'
import { getDefaultCoreClient } from './default-client.ts'
import { computeParamsHash } from './params-hash.ts'
import { getServerOrigin } from './server-origin.ts'

const NAMES = ['credential', 'config', 'signal', 'traceparent', 'timeoutMs', 'client'] as const

/** Options of `evaluateToolAccess`. */
export interface EvaluateToolAccessOptions {
  /**
   * The caller's credential. Default: that of the current context. A present `undefined`
   * means an anonymous caller, so that a request without a credential never borrows one.
   */
  readonly credential?: CredentialInput | undefined
  /** What the tool demands. Default: nothing beyond the core's own policy. */
  readonly config?: GuardConfig | undefined
  /** Gives the question up when aborted. The signal of `withAbortSignal` counts as well. */
  readonly signal?: AbortSignal | undefined
  /** W3C `traceparent` of the call, for the record. Text that is none is left out. */
  readonly traceparent?: string | undefined
  /** Milliseconds until the question is given up. Default: the client's, 10 000. */
  readonly timeoutMs?: number | undefined
  /** The core to ask. Default: the process's own client. */
  readonly client?: CoreClient | undefined
}

/**
 * Asks the core whether a caller may run a tool now, and leaves a record of the answer.
 * A denial is an answer: it resolves with outcome DENY. The caller of this function runs
 * the tool itself, and only on ALLOW; `guard` does that for you.
 *
 * ```ts
 * const access = await evaluateToolAccess('read_database', { query: 'select 1' }, { credential: { badge } })
 * if (access.outcome !== 'ALLOW') return refuse(access.code)
 * ```
 *
 * @param params The tool's arguments, any JSON value; only their hash leaves the process. `undefined` is `{}`.
 * @throws TypeError for wrong use, such as arguments that are not JSON.
 * @throws CapiscioError when the core gave no answer.
 */
export async function evaluateToolAccess(
  toolName: string,
  params: unknown,
  options: EvaluateToolAccessOptions = {},
): Promise<ToolAccess> {
  requireToolName(toolName)
  readOptions(options, NAMES, 'The options of evaluateToolAccess')
  const { credential, config, signal, traceparent, timeoutMs, client } = options
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  return askCore({
    toolName,
    paramsHash: computeParamsHash(params === undefined ? {} : params),
    credential: Object.hasOwn(options, 'credential')
      ? credential === undefined
        ? undefined
        : toCallerCredential(credential)
      : getCredential(),
    serverOrigin: getServerOrigin(),
    config: config === undefined ? undefined : decideGuardConfig(readOptions(config, GUARD_CONFIG_NAMES, 'config')),
    signal: anySignal([getAbortSignal(), signal]),
    traceparent,
    timeoutMs,
    client: client ?? getDefaultCoreClient(),
  })
}
