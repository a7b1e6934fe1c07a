import { create, type MessageShape } from '@bufbuild/protobuf'
import { GetServerInfoRequestSchema } from '@capiscio/proto/core/v1'
import {
  CallAbortedError,
  type CapiscioError,
  ClientClosedError,
  CoreFaultError,
  CoreTimeoutError,
  CoreUnavailableError,
  InvalidRequestError,
  MethodUnimplementedError,
  readOptions,
  requireTimeoutMs,
  withLimits,
} from '@capiscio/proto/sdk'
import { createLogger } from './adapters/telemetry/logger.ts'
import type { ConfigFlags } from './config/config-flags.ts'
import { loadConfig } from './config/load-config.ts'
import { startCore } from './core.ts'
import { RpcFault } from './service/rpc-fault.ts'
import { IN_PROCESS_METHODS } from './setup/core-calls.ts'

type Methods = typeof IN_PROCESS_METHODS
type Name = keyof Methods

/** Limits of one call. */
export interface InProcessCallOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the call is given up. Default 10 000. */
  readonly timeoutMs?: number | undefined
}

/**
 * A core in this process, with the interface of the SDK's client: `guard({ client: core })`.
 * It listens nowhere. Disposing it answers what was asked and closes the evidence log.
 */
export type InProcessCore = AsyncDisposable & {
  readonly timeoutMs: number
  /** Where the evidence goes. */
  readonly evidence: { readonly origin: string; readonly vkey: string; readonly directory: string }
} & {
  readonly [N in Exclude<Name, 'getServerInfo'>]: (
    request: MessageShape<Methods[N]['input']>,
    options?: InProcessCallOptions,
  ) => Promise<MessageShape<Methods[N]['output']>>
} & {
  readonly getServerInfo: (options?: InProcessCallOptions) => Promise<MessageShape<Methods['getServerInfo']['output']>>
}

/** Options of `createInProcessCore`: what the command line calls by the same names. All are optional. */
export interface InProcessCoreOptions
  extends Pick<
    ConfigFlags,
    'config' | 'profile' | 'stateDir' | 'evidenceLog' | 'trustStore' | 'policy' | 'logLevel' | 'logFile'
  > {
  /** Environment to read the rest from. Default: that of the process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/** Misspelt, `policy` would mean no policy. */
const NAMES = [
  ...['config', 'profile', 'stateDir', 'evidenceLog', 'trustStore', 'policy', 'logLevel', 'logFile', 'env'],
]
const DEFAULT_TIMEOUT_MS = 10_000

/**
 * Starts a core inside this process: for hosts that want no second process and no socket.
 * Everything else is as in `capiscio rpc`: configuration, policy, trust, evidence before the
 * answer.
 *
 * ```ts
 * await using core = await createInProcessCore({ policy: 'policy.yaml' })
 * const readFile = guard({ tool: 'read_file', client: core }, handler)
 * ```
 *
 * @throws {TypeError} for an option that it does not know
 * @throws when the configuration is refused, or the evidence log cannot be opened
 */
export async function createInProcessCore(options: InProcessCoreOptions = {}): Promise<InProcessCore> {
  readOptions(options, NAMES, 'The options of createInProcessCore')
  const { env = process.env, ...flags } = options
  const { config, warnings } = loadConfig({ command: 'rpc', flags, env })
  const logger = createLogger({
    level: config.logLevel,
    pretty: false,
    ...(config.logFile !== undefined && { file: config.logFile }),
  })
  for (const { source, message } of warnings) logger.warn({ event: 'warning', code: 'CONFIG', source }, message)
  const core = await startCore({ ...config, listen: {} }, logger)
  const underWay = new Set<Promise<unknown>>()
  let closed: Promise<void> | undefined

  async function call<N extends Name>(
    name: N,
    request: MessageShape<Methods[N]['input']>,
    { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: InProcessCallOptions = {},
  ): Promise<MessageShape<Methods[N]['output']>> {
    if (closed !== undefined) throw new ClientClosedError('This core was disposed; the tool was not run.')
    requireTimeoutMs(timeoutMs)
    if (signal?.aborted === true) throw new CallAbortedError(signal.reason)
    const late = (): Error => new CoreTimeoutError(`The core took longer than ${timeoutMs} ms; the tool was not run.`)
    const abort = new AbortController()
    const answer = core.call(IN_PROCESS_METHODS[name] as Methods[N], request, abort.signal).catch((thrown: unknown) => {
      // A listener would have said so, too.
      if (!(thrown instanceof RpcFault)) logger.error({ event: 'fault', where: name, err: thrown })
      throw toSdkError(thrown)
    })
    underWay.add(answer)
    const forget = (): unknown => underWay.delete(answer)
    answer.then(forget, forget)
    return withLimits(answer, { signal, timeoutMs }, late).finally(() => abort.abort()) as Promise<
      MessageShape<Methods[N]['output']>
    >
  }

  return {
    timeoutMs: DEFAULT_TIMEOUT_MS,
    evidence: core.evidence,
    evaluateToolAccess: (request, limits) => call('evaluateToolAccess', request, limits),
    filterTools: (request, limits) => call('filterTools', request, limits),
    authenticateCaller: (request, limits) => call('authenticateCaller', request, limits),
    verifyServer: (request, limits) => call('verifyServer', request, limits),
    recordOutcome: (request, limits) => call('recordOutcome', request, limits),
    getRecord: (request, limits) => call('getRecord', request, limits),
    getServerInfo: (limits) => call('getServerInfo', create(GetServerInfoRequestSchema), limits),
    [Symbol.asyncDispose]: () => {
      closed ??= Promise.allSettled(underWay).then(() => core.stop())
      return closed
    },
  }
}

/** The same errors as over a connection, so that a host need not know where its core is. */
function toSdkError(thrown: unknown): CapiscioError {
  return thrown instanceof RpcFault ? fromFault(thrown) : new CoreFaultError('The core failed; the tool was not run.')
}

function fromFault({ code, message, violations, retryAfterMs }: RpcFault): CapiscioError {
  switch (code) {
    case 'INVALID_ARGUMENT':
      return new InvalidRequestError(message, violations)
    case 'UNAVAILABLE':
      return new CoreUnavailableError(message, { retryAfterMs })
    case 'UNIMPLEMENTED':
      return new MethodUnimplementedError(message)
    default:
      return new CoreFaultError(message)
  }
}
