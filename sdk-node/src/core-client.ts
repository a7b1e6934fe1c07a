import { create } from '@bufbuild/protobuf'
import type { AuthenticateCallerRequest, EvaluateToolAccessRequest, FilterToolsRequest } from '@capiscio/proto/core/v1'
import { CoreService, EvidenceService, GetServerInfoRequestSchema } from '@capiscio/proto/core/v1'
import type { CallLimits } from '@capiscio/proto/sdk'
import {
  ClientClosedError,
  CoreTimeoutError,
  readOptions,
  requireTimeoutMs,
  startBudget,
  withLimits,
} from '@capiscio/proto/sdk'
import type { CallOptions, CoreClient } from './client.ts'
import { DEFAULT_TIMEOUT_MS } from './client.ts'
import type { Connector } from './connector.ts'
import { coreAddressFromEnvironment, parseCoreAddress } from './core-address.ts'
import type { CoreTlsOptions } from './core-security.ts'
import { checkSecurity, NO_SECURITY, readSecurityOptions, securityFromEnvironment } from './core-security.ts'
import { createEmbeddedConnector } from './embedded-core.ts'
import { handshake } from './handshake.ts'
import type { QuestionQueue } from './question-queue.ts'
import { createQuestionQueue } from './question-queue.ts'
import type { CoreTransport } from './transport.ts'
import { createTransport } from './transport.ts'

/** How long a handshake may take, and an embedded core until it answers, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000

const NAMES = ['address', 'insecure', 'tls', 'token', 'timeoutMs'] as const

/** Options of `createCoreClient`. */
export interface CoreClientOptions {
  /**
   * `host:port`, `unix:/path`, `unix:///path` or `https://host:port`. Default: the
   * environment variable `CAPISCIO_CORE_ADDR`; without it, an embedded core is started
   * from the installed package `@capiscio/core` and stopped with this process.
   */
  readonly address?: string | undefined
  /** Allow plaintext to another machine. Default false. */
  readonly insecure?: boolean | undefined
  /**
   * For `https://` addresses. Default: Node's own authorities, no client certificate. Where
   * the address comes from the environment and neither `tls` nor `token` is given:
   * `CAPISCIO_CORE_TLS_CA`, `_CERT`, `_KEY`, `_SERVER_NAME` and `CAPISCIO_CORE_TOKEN`.
   */
  readonly tls?: CoreTlsOptions | undefined
  /** Bearer token for a core that wants one. Never sent in plaintext to another machine. Default as for `tls`. */
  readonly token?: string | undefined
  /** Milliseconds until a call is given up, the start of an embedded core included. Default 10 000. */
  readonly timeoutMs?: number | undefined
}

/**
 * A client of one core. It connects at its first call, asks the core for its version
 * before the first decision, and connects again by itself.
 *
 * A lone decision is one call; decisions that wait at the same time go together over one
 * stream. Each keeps its own limits, and fails alone.
 *
 * Disposing it lets calls under way finish, then closes the connection and stops an
 * embedded core.
 *
 * ```ts
 * await using client = createCoreClient({ address: 'unix:/run/capiscio/core.sock' })
 * ```
 *
 * @throws TypeError for wrong options.
 * @throws CoreAddressError for an address that cannot be used, alone or with what protects it.
 */
export function createCoreClient(options: CoreClientOptions = {}): CoreClient {
  readOptions(options, NAMES, 'The options of createCoreClient')
  const { address, insecure = false, tls, token, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  requireTimeoutMs(timeoutMs)
  if (typeof insecure !== 'boolean') throw new TypeError('insecure must be true or false.')
  if (address !== undefined && typeof address !== 'string') throw new TypeError('address must be a string.')
  const given = tls !== undefined || token !== undefined ? readSecurityOptions(tls, token) : undefined
  const where = address ?? coreAddressFromEnvironment(process.env)
  if (where === undefined) {
    if (given !== undefined) throw new TypeError('tls and token are for a core at an address: give the address too.')
    return clientOver(createEmbeddedConnector({ startTimeoutMs: CONNECT_TIMEOUT_MS }), timeoutMs)
  }
  const parsed = parseCoreAddress(where, insecure)
  // The secrets of the environment belong to the core that the environment names, and go nowhere else.
  const security = given ?? (address === undefined ? securityFromEnvironment(process.env) : NO_SECURITY)
  checkSecurity(parsed, security)
  const transport = createTransport(parsed, security)
  return clientOver({ connect: async () => transport, close: async () => transport.close() }, timeoutMs)
}

type Credentialed = Pick<EvaluateToolAccessRequest | FilterToolsRequest | AuthenticateCallerRequest, 'credential'>

/** A core that this SDK can work with. */
interface Connection {
  readonly transport: CoreTransport
  readonly questions: QuestionQueue
}

/** A client over any connector. */
export function clientOver(connector: Connector, defaultTimeoutMs: number): CoreClient {
  const connections = new WeakMap<CoreTransport, Promise<Connection>>()
  /** The newest: the connections before it ended, and what was on them with them. */
  let questions: QuestionQueue | undefined
  const underWay = new Set<Promise<unknown>>()
  let closed: Promise<void> | undefined

  /** The connection after its handshake. One handshake serves all who wait; a failed one is forgotten. */
  async function verified(): Promise<Connection> {
    const transport = await connector.connect()
    let connection = connections.get(transport)
    if (connection === undefined) {
      connection = verify(transport)
      connections.set(transport, connection)
      connection.catch(() => connections.delete(transport))
    }
    return connection
  }

  async function verify(transport: CoreTransport): Promise<Connection> {
    const { limits } = await handshake(transport, CONNECT_TIMEOUT_MS)
    questions = createQuestionQueue(transport, { maxMessageBytes: limits?.maxMessageBytes || undefined })
    return { transport, questions }
  }

  /** Connects and calls within one budget. Connecting itself is shared and goes on for the next caller. */
  function run<C, T>(
    connecting: () => Promise<C>,
    call: (connection: C, limits: CallLimits) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    if (closed !== undefined) {
      return Promise.reject(new ClientClosedError('This client was disposed. Make another one; the tool was not run.'))
    }
    const { signal, timeoutMs = defaultTimeoutMs } = options
    const budget = startBudget(timeoutMs)
    const late = (): Error =>
      new CoreTimeoutError(
        `The core was not connected within ${timeoutMs} ms; the tool was not run. Try again, or raise timeoutMs.`,
      )
    const work = withLimits(connecting(), { signal, timeoutMs }, late).then((connection) =>
      call(connection, { signal, timeoutMs: budget.remainingMs() }),
    )
    underWay.add(work)
    const forget = (): unknown => underWay.delete(work)
    work.then(forget, forget)
    return work
  }

  return {
    timeoutMs: defaultTimeoutMs,

    evaluateToolAccess: (request, options = {}) =>
      run(
        verified,
        ({ questions }, limits) => questions.ask(request, { ...limits, secrets: secretsOf(request) }),
        options,
      ),

    filterTools: (request, options = {}) =>
      run(
        verified,
        ({ transport }, limits) =>
          transport.unary(CoreService.method.filterTools, request, { ...limits, secrets: secretsOf(request) }),
        options,
      ),

    authenticateCaller: (request, options = {}) =>
      run(
        verified,
        ({ transport }, limits) =>
          transport.unary(CoreService.method.authenticateCaller, request, { ...limits, secrets: secretsOf(request) }),
        options,
      ),

    verifyServer: (request, options = {}) =>
      run(
        verified,
        ({ transport }, limits) =>
          transport.unary(CoreService.method.verifyServer, request, {
            ...limits,
            secrets: [request.identity?.serverBadge ?? ''],
          }),
        options,
      ),

    recordOutcome: (request, options = {}) =>
      run(
        verified,
        ({ transport }, limits) => transport.unary(EvidenceService.method.recordOutcome, request, limits),
        options,
      ),

    getRecord: (request, options = {}) =>
      run(
        verified,
        ({ transport }, limits) => transport.unary(EvidenceService.method.getRecord, request, limits),
        options,
      ),

    // Without the handshake: it must be possible to ask a core of another version what it is.
    getServerInfo: (options = {}) =>
      run(
        () => connector.connect(),
        (transport, limits) =>
          transport.unary(CoreService.method.getServerInfo, create(GetServerInfoRequestSchema), limits),
        options,
      ),

    [Symbol.asyncDispose]: () => {
      closed ??= Promise.allSettled(underWay).then(() => {
        questions?.close()
        return connector.close()
      })
      return closed
    },
  }
}

function secretsOf({ credential }: Credentialed): readonly string[] {
  return credential.value === undefined ? [] : [credential.value]
}
