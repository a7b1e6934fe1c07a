import { create } from '@bufbuild/protobuf'
import type { GetServerInfoResponse } from '@capiscio/proto/core/v1'
import { CoreService, GetServerInfoRequestSchema, ParseServerIdentityRequestSchema } from '@capiscio/proto/core/v1'
import type { CallLimits } from '@capiscio/proto/sdk'
import {
  CoreTimeoutError,
  CoreVersionError,
  decodeServerVerification,
  MethodUnimplementedError,
  readOptions,
  requireTimeoutMs,
  startBudget,
  toVerifyServerRequest,
  withLimits,
} from '@capiscio/proto/sdk'
import { requireAbortSignal, throwIfAborted } from './abort-signal.ts'
import { parseBaseUrl, requireConfidential } from './base-url.ts'
import type { CallOptions, CoreClient } from './client.ts'
import type { Fetch } from './core-fetch.ts'
import { EVALUATE_OPTION_NAMES, evaluateOver, takeQuestion } from './evaluate-tool-access.ts'
import { toIdentityQuestion } from './server-identity-source.ts'
import type { Protocol, UnaryTransport } from './transport.ts'
import { createTransport, requireProtocol } from './transport.ts'
import { CORE_MIN_VERSION } from './version.ts'
import { checkVersions } from './version-check.ts'

/** How long a call may take where nobody says otherwise, and the handshake that calls share, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 10_000

const NAMES = ['baseUrl', 'insecure', 'token', 'protocol', 'timeoutMs', 'fetch'] as const

/** RFC 6750 §2.1: whatever else would not survive a header. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/
const CALL_NAMES = ['signal', 'timeoutMs'] as const

/** Options of `createCoreClient`. */
export interface CoreClientOptions {
  /** URL of the core's web listener, such as `http://127.0.0.1:50052`; a path is a prefix of every call. */
  readonly baseUrl: string
  /** Allow `http://` to another machine. Default false. */
  readonly insecure?: boolean | undefined
  /**
   * Bearer token for a core that wants one. Whoever can read the page has it too. Never sent
   * in plaintext to another machine. Default none.
   */
  readonly token?: string | undefined
  /** How calls are put into HTTP. Default `connect`. */
  readonly protocol?: Protocol | undefined
  /** Milliseconds until a call is given up. Default 10 000. */
  readonly timeoutMs?: number | undefined
  /** Used instead of the browser's own. */
  readonly fetch?: Fetch | undefined
}

/**
 * A client of one core. It asks the core for its version before the first other question,
 * and holds nothing that would have to be closed.
 *
 * ```ts
 * const core = createCoreClient({ baseUrl: 'http://127.0.0.1:50052' })
 * const access = await core.evaluateToolAccess('read_database', { query: 'select 1' }, { credential: { badge } })
 * ```
 *
 * @throws TypeError for wrong options.
 * @throws CoreAddressError for a base URL that cannot be used.
 */
export function createCoreClient(options: CoreClientOptions): CoreClient {
  readOptions(options, NAMES, 'The options of createCoreClient')
  const { baseUrl, insecure = false, protocol = 'connect', timeoutMs: defaultTimeoutMs = DEFAULT_TIMEOUT_MS } = options
  if (typeof baseUrl !== 'string') throw new TypeError('baseUrl must be a string, such as "http://127.0.0.1:50052".')
  if (typeof insecure !== 'boolean') throw new TypeError('insecure must be true or false.')
  requireProtocol(protocol)
  requireTimeoutMs(defaultTimeoutMs)
  if (options.fetch !== undefined && typeof options.fetch !== 'function') {
    throw new TypeError('fetch must be a function with the form of the browser’s.')
  }
  const url = parseBaseUrl(baseUrl, insecure)
  const { token } = options
  if (token !== undefined) {
    if (typeof token !== 'string' || !TOKEN.test(token)) {
      throw new TypeError('token must be the token itself: letters, digits and -._~+/ only, without "Bearer".')
    }
    requireConfidential(url)
  }
  const transport = createTransport(url, protocol, options.fetch, token)
  let handshake: Promise<void> | undefined

  /** One handshake serves all who wait, within the limits of each; a failed one is forgotten. */
  async function verified(limits: CallLimits): Promise<void> {
    handshake ??= shakeHands(transport).catch((error: unknown) => {
      handshake = undefined
      throw error
    })
    const late = (): Error =>
      new CoreTimeoutError(
        `The core at ${transport.label} was not there within ${limits.timeoutMs} ms; the tool was not run. Try again, or raise timeoutMs.`,
      )
    await withLimits(handshake, limits, late)
  }

  function takeLimits({ signal, timeoutMs = defaultTimeoutMs }: CallOptions): CallLimits {
    requireAbortSignal(signal)
    requireTimeoutMs(timeoutMs)
    return { signal, timeoutMs }
  }

  return Object.freeze({
    timeoutMs: defaultTimeoutMs,

    async evaluateToolAccess(toolName, params, options = {}) {
      readOptions(options, EVALUATE_OPTION_NAMES, 'The options of evaluateToolAccess')
      const limits = takeLimits(options)
      return evaluateOver(transport, verified, takeQuestion(toolName, params, options), limits)
    },

    async parseServerIdentity(source, options = {}) {
      readOptions(options, CALL_NAMES, 'The options of parseServerIdentity')
      const question = toIdentityQuestion(source)
      const { signal, timeoutMs } = takeLimits(options)
      throwIfAborted(signal)
      const budget = startBudget(timeoutMs)
      await verified({ signal, timeoutMs })
      const request = create(ParseServerIdentityRequestSchema, { source: question.source })
      const { identity } = await transport.unary(CoreService.method.parseServerIdentity, request, {
        signal,
        timeoutMs: budget.remainingMs(),
        secrets: question.secrets,
      })
      if (identity === undefined) return undefined
      return Object.freeze({
        serverDid: identity.serverDid || undefined,
        serverBadge: identity.serverBadge || undefined,
      })
    },

    async verifyServer(server, options = {}) {
      readOptions(options, ['config', ...CALL_NAMES], 'The options of verifyServer')
      const request = toVerifyServerRequest(server, options.config)
      const { signal, timeoutMs } = takeLimits(options)
      throwIfAborted(signal)
      const budget = startBudget(timeoutMs)
      await verified({ signal, timeoutMs })
      const response = await transport.unary(CoreService.method.verifyServer, request, {
        signal,
        timeoutMs: budget.remainingMs(),
        secrets: [request.identity?.serverBadge ?? ''],
      })
      return decodeServerVerification(response, request)
    },

    // Without the handshake: it must be possible to ask a core of another version what it is.
    async getServerInfo(options = {}) {
      readOptions(options, CALL_NAMES, 'The options of getServerInfo')
      return askServerInfo(transport, takeLimits(options))
    },
  } satisfies CoreClient)
}

function askServerInfo(transport: UnaryTransport, limits: CallLimits): Promise<GetServerInfoResponse> {
  return transport.unary(CoreService.method.getServerInfo, create(GetServerInfoRequestSchema), limits)
}

async function shakeHands(transport: UnaryTransport): Promise<void> {
  try {
    checkVersions(await askServerInfo(transport, { timeoutMs: DEFAULT_TIMEOUT_MS }), transport.label)
  } catch (error) {
    if (!(error instanceof MethodUnimplementedError)) throw error
    throw new CoreVersionError(
      `What listens at ${transport.label} does not speak capiscio.core.v1. Start @capiscio/core ${CORE_MIN_VERSION} or newer there.`,
    )
  }
}
