import type { HandshakeMethod, McpMessage, McpRequest } from '@capiscio/proto/mcp'
import { isHandshake, isObject, isResult } from '@capiscio/proto/mcp'
import type { DisclosedServerIdentity, PopRequest, ServerVerification, VerifyConfig } from '@capiscio/proto/sdk'
import {
  CallAbortedError,
  ClientClosedError,
  DisclosureError,
  decideVerifyConfig,
  generatePopRequest,
  PopError,
  parseJsonRpcMeta,
  popRequestToMeta,
  popResponseFromMeta,
  readOptions,
  requireTimeoutMs,
  ServerErrorCode,
  ServerState,
  ServerVerifyError,
} from '@capiscio/proto/sdk'
import { anySignal, getAbortSignal, throwIfAborted, withoutAbortSignal } from '../abort-signal.ts'
import type { CallerCredential, CredentialInput } from '../caller-credential.ts'
import { resolveSecret, toCallerCredential } from '../caller-credential.ts'
import type { CoreClient } from '../client.ts'
import { isLoopback } from '../core-address.ts'
import { credentialToMeta } from '../credential-to-meta.ts'
import { verifyServer } from '../verify-server.ts'
import type { HttpDisclosure } from './http-disclosure.ts'
import { tapTransport } from './tap-transport.ts'
import type { TransportLike } from './transport-like.ts'

const NAMES = [
  'url',
  'http',
  'credential',
  'insecure',
  'sendCredentialToUnverified',
  'expectedDid',
  'failOnUnverified',
  'requireModernEra',
  'recheckMs',
  'signal',
  'timeoutMs',
  'client',
  'trustedIssuers',
  'minTrustLevel',
  'acceptLevelZero',
  'offlineMode',
  'skipOriginBinding',
  'requirePop',
  'popMaxAgeMs',
] as const

/** Options of `connectVerified`: what is demanded of the server, and what it is given. */
export interface ConnectVerifiedOptions extends VerifyConfig {
  /** URL of the endpoint, for HTTP transports. The DID is compared with it. Leave it out for a child process. */
  readonly url?: string | URL | undefined
  /** What watches the headers of an HTTP transport, from `createHttpDisclosure`. */
  readonly http?: HttpDisclosure | undefined
  /** The caller's credential, sent with every request once the server is verified. */
  readonly credential?: CredentialInput | undefined
  /**
   * Show the credential also over `http:` to another machine, where it can be read and whatever a server proves can be
   * relayed. Default false.
   */
  readonly insecure?: boolean | undefined
  /**
   * Send the credential to a server that is not verified too, and a badge over HTTP from the
   * first request on, as a gate that requires one wants it. Default false.
   */
  readonly sendCredentialToUnverified?: boolean | undefined
  /** The only DID that is accepted. Default: any that verifies. */
  readonly expectedDid?: string | undefined
  /** Close the connection and throw when the server is not verified. Default true. */
  readonly failOnUnverified?: boolean | undefined
  /** Refuse a server that speaks only the legacy era, whose proofs can be relayed. Default false. */
  readonly requireModernEra?: boolean | undefined
  /** How long a verification holds before the server is asked and checked again, milliseconds. Default 300 000. */
  readonly recheckMs?: number | undefined
  /**
   * Gives up connecting when aborted; whatever was begun is closed. The signal of `withAbortSignal` counts as well. A connection
   * that stands is ended by closing its client.
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds until a question about the server is given up: to the core (default: the client's, 10 000), and to a modern
   * server itself (default: the MCP SDK's).
   */
  readonly timeoutMs?: number | undefined
  /** The core to ask. Default: the process's own client. */
  readonly client?: CoreClient | undefined
}

/** An MCP client of either SDK, as far as it is touched here. */
export interface ClientLike {
  // biome-ignore lint/suspicious/noExplicitAny: both SDKs declare their own types, and must accept ours
  connect(transport: any, ...rest: any[]): Promise<void>
  close(): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  request(request: any, ...rest: any[]): Promise<any>
  /** What it is connected with. */
  readonly transport?: unknown
}

/** What is known about the server at the other end. */
export interface VerifiedConnection {
  /** The newest verification. */
  readonly server: ServerVerification
}

/** What a server said in one handshake, with the nonce that it was asked. */
interface Handshake {
  readonly method: HandshakeMethod
  readonly meta: unknown
  readonly pop: PopRequest
}

/** How long a verification holds where nobody says otherwise. */
const RECHECK_MS = 300_000

/**
 * Connects an MCP client and verifies the server before anything else leaves: the handshake
 * goes through, every other request waits, and so do the server's own. A server that is not
 * verified is left again.
 *
 * ```ts
 * const { server } = await connectVerified(client, transport, { minTrustLevel: 2, credential: { badge } })
 * ```
 *
 * Takes a `Client` and a transport of `@modelcontextprotocol/client` (v2) or
 * `@modelcontextprotocol/sdk` (v1). In the modern era the server proves possession of its key
 * on this very connection, bound to the endpoint; in the legacy era with its `initialize`.
 *
 * @throws ServerVerifyError after closing the connection; CapiscioError when there is no answer
 * from the core, which is no verification either, or the connection ended meanwhile; TypeError for wrong options and for
 * a client that is connected already.
 */
export async function connectVerified(
  mcp: ClientLike,
  transport: TransportLike,
  options: ConnectVerifiedOptions = {},
): Promise<VerifiedConnection> {
  const decided = decideOptions(options, transport)
  // To leave the new server would be to leave the one that it is connected with.
  if (mcp.transport !== undefined) throw new TypeError('This client is connected already: take another one.')
  const signal = anySignal([getAbortSignal(), options.signal])
  throwIfAborted(signal)
  if (options.url !== undefined) options.http?.attach(new URL(options.url))
  const session = createSession(mcp, decided)
  const { onRequest, onInbound, holdInbound, onClose } = session
  const tapped = tapTransport(transport, { onRequest, onInbound, holdInbound, onClose })
  try {
    session.showBadge()
    await unlessAborted(
      mcp.connect(tapped).then(() => session.verify(signal)),
      signal,
    )
  } catch (error) {
    session.refuse(error)
    await mcp.close().catch(() => undefined)
    throw error
  }
  return {
    get server() {
      return session.verification()
    },
  }
}

/** Whatever comes of the work once the signal was aborted is dropped. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(new CallAbortedError(signal?.reason))
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted === true) onAbort()
  try {
    await Promise.race([work, aborted.promise])
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** What tells a transport over a network from a child process: Streamable HTTP, SSE, WebSocket. */
const NETWORK_MEMBERS = ['terminateSession', '_url']

interface Decided {
  readonly config: VerifyConfig
  readonly endpoint: { readonly transportOrigin?: string; readonly endpointPath?: string }
  readonly credential: CallerCredential | undefined
  readonly options: ConnectVerifiedOptions
}

function decideOptions(options: ConnectVerifiedOptions, transport: TransportLike): Decided {
  readOptions(options, NAMES, 'The options of connectVerified')
  const { url, credential, timeoutMs, recheckMs } = options
  const config: VerifyConfig = {
    trustedIssuers: options.trustedIssuers,
    minTrustLevel: options.minTrustLevel,
    acceptLevelZero: options.acceptLevelZero,
    offlineMode: options.offlineMode,
    skipOriginBinding: options.skipOriginBinding,
    requirePop: options.requirePop,
    popMaxAgeMs: options.popMaxAgeMs,
  }
  decideVerifyConfig(config)
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  if (recheckMs !== undefined) requireTimeoutMs(recheckMs)
  // What is given and not understood would look like a demand that holds.
  for (const name of ['failOnUnverified', 'sendCredentialToUnverified', 'requireModernEra', 'insecure'] as const) {
    const flag: unknown = options[name]
    if (flag !== undefined && typeof flag !== 'boolean') throw new TypeError(`${name} must be true or false.`)
  }
  const expectedDid: unknown = options.expectedDid
  if (expectedDid !== undefined && (typeof expectedDid !== 'string' || !/^did:[a-z0-9]+:./.test(expectedDid))) {
    throw new TypeError(
      'expectedDid must be a DID, exactly as the server discloses it. Leave it out for any that verifies.',
    )
  }
  // Transports over a network keep their URL, each of both SDKs. Without the option the endpoint would pass for a child process.
  if (url === undefined && NETWORK_MEMBERS.some((name) => name in transport)) {
    throw new TypeError('This transport needs the option url, so that the DID can be compared with the endpoint.')
  }
  if (url === undefined && options.http !== undefined) {
    throw new TypeError('The option http needs the option url: the badge is shown to that origin alone.')
  }
  const target = url === undefined ? undefined : new URL(url)
  if (target?.protocol === 'http:' && credential !== undefined && options.insecure !== true) {
    if (!isLoopback(target.hostname.replace(/^\[(.*)\]$/, '$1'))) {
      throw new TypeError(
        `The credential would go to ${target.origin} without encryption, where it can be read on the way. ` +
          'Use https, or the option insecure if the network is trusted.',
      )
    }
  }
  return {
    config,
    endpoint: target === undefined ? {} : { transportOrigin: target.origin, endpointPath: target.pathname },
    credential: credential === undefined ? undefined : toCallerCredential(credential),
    options,
  }
}

function createSession(mcp: ClientLike, { config, endpoint, credential, options }: Decided) {
  const { http, expectedDid, failOnUnverified = true, recheckMs = RECHECK_MS } = options
  const asked = new Map<unknown, Handshake['pop']>()
  let handshake: Handshake | undefined
  let current: ServerVerification | undefined
  /** The DID that was verified first. A connection is with one server. */
  let verifiedDid: string | undefined
  let checkedAtMs = 0
  /** The server was asked anew who it is by somebody else than us, as when a session ended. */
  let isStale = false
  let checking: Promise<void> | undefined
  const opened = Promise.withResolvers<void>()
  // Who waits hears of it; where nobody does, it must not end the process.
  opened.promise.catch(() => undefined)
  let isOpen = false
  let refused: unknown
  let isClosed = false

  function onInbound(message: McpMessage): void {
    const pop = asked.get(message.id)
    if (message.method !== undefined || pop === undefined) return
    asked.delete(message.id)
    if (isResult(message)) handshake = { method: pop.method, meta: message.result._meta, pop }
  }

  function onRequest(request: McpRequest): McpRequest | Promise<McpRequest> {
    const { method } = request
    if (isHandshake(method)) {
      // A fresh nonce for each handshake; its answer is looked at once.
      const pop = generatePopRequest(method)
      asked.set(request.id, pop)
      // While the server is looked at, `server/discover` is our own question.
      if (isOpen && (checking === undefined || method === 'initialize')) isStale = true
      return withMeta(request, popRequestToMeta(pop))
    }
    return release(request)
  }

  async function release(request: McpRequest): Promise<McpRequest> {
    if (refused !== undefined) throw refused
    if (!isOpen) await opened.promise
    else if (isStale || isContradicted() || performance.now() - checkedAtMs > recheckMs) await recheck()
    if (credential === undefined || !isTold()) return request
    const secret = await resolveSecret(credential)
    return withMeta(request, credentialToMeta(credential.kind === 'badge' ? { badge: secret } : { apiKey: secret }))
  }

  /** What the server asks before it is verified, or while it is looked at again, waits, too: the answers are the user's. */
  function holdInbound(): Promise<void> | undefined {
    if (refused !== undefined) return Promise.reject(refused)
    return isOpen ? checking : opened.promise
  }

  /** Each answer has headers: one that discloses somebody else need not wait for the next look. */
  function isContradicted(): boolean {
    const did = http?.latest()?.serverDid
    return did !== undefined && verifiedDid !== undefined && did !== verifiedDid
  }

  /** Whether the server may see the credential now. */
  function isTold(): boolean {
    return current?.isVerified === true || options.sendCredentialToUnverified === true
  }

  /**
   * The badge for a header. A server that is being looked at does not see it, unless told so: a
   * gate that requires a badge lets not even a handshake through without it.
   */
  async function shownBadge(): Promise<string | undefined> {
    if (credential?.kind !== 'badge' || refused !== undefined || isClosed || !isTold()) return undefined
    const isSettled = !isStale && checking === undefined
    return isSettled || options.sendCredentialToUnverified === true ? resolveSecret(credential) : undefined
  }

  /** One look at the server for all who wait. A server that fails it is left. */
  function recheck(): Promise<void> {
    checking ??= withoutAbortSignal(() => look())
      .catch((error) => {
        refused = error
        if (error instanceof ServerVerifyError) current = error.verification
        // After those who wait have heard why: closing tells them less.
        setImmediate(() => mcp.close().catch(() => undefined))
        throw error
      })
      .finally(() => {
        checking = undefined
      })
    return checking
  }

  async function look(signal?: AbortSignal): Promise<void> {
    const isModern = eraOf(mcp) === 'modern'
    if (options.requireModernEra === true && !isModern) {
      const detail = 'The server speaks only the legacy era, whose proofs of possession can be relayed.'
      throw new ServerVerifyError(unverified(ServerErrorCode.POP_FAILED, detail, readMetaIdentity(handshake?.meta)))
    }
    // In the legacy era a server discloses once for a connection; what it said then counts later.
    const mayRemember = !isModern && !isStale
    // Who asks it anew from here on is noticed again.
    isStale = false
    const headersBefore = http?.latest()
    // The connect-time probe may have met another process, and its nonce is used up by now.
    const isAskedAgain = isModern && (current !== undefined || handshake?.method !== 'server/discover')
    const asked = { method: 'server/discover', params: {} }
    if (isAskedAgain) await mcp.request(asked, { signal, timeout: options.timeoutMs })
    const headers = http?.latest()
    const verification = await verifyHandshake(
      isAskedAgain && headers === headersBefore ? undefined : headers,
      mayRemember,
      signal,
    )
    checkedAtMs = performance.now()
    // So a badge that has run out since then says nothing new. What was revoked does.
    const isOutlived = verification.errorCode === ServerErrorCode.BADGE_EXPIRED && current?.isVerified === true
    if (isOutlived && mayRemember && headers === undefined) return
    if (!verification.isVerified && failOnUnverified) throw new ServerVerifyError(verification)
    if (verification.isVerified) verifiedDid ??= verification.serverDid
    // A proof is made once for a connection there, too.
    const isProven = mayRemember && verification.badgeJti !== undefined && verification.badgeJti === current?.badgeJti
    current =
      isProven && current?.popVerified === true ? Object.freeze({ ...verification, popVerified: true }) : verification
  }

  async function verifyHandshake(
    headers: DisclosedServerIdentity | undefined,
    mayRemember: boolean,
    signal: AbortSignal | undefined,
  ): Promise<ServerVerification> {
    const seen = handshake
    // Whatever it proved, it proved once.
    handshake = undefined
    const disclosed = readIdentity(seen?.meta, headers, mayRemember)
    const answer = popAnswer(seen?.meta)
    const verification = await verifyServer(
      {
        ...disclosed,
        ...endpoint,
        ...(seen && answer && { proof: { ...seen.pop, ...answer } }),
      },
      { config: demandsOf(seen, mayRemember), client: options.client, signal, timeoutMs: options.timeoutMs },
    )
    const expected = expectedDid ?? (disclosed.serverDid && verifiedDid)
    if (expected === undefined || disclosed.serverDid === expected) return verification
    if (disclosed.serverDid === undefined && !verification.isVerified) return verification
    const detail = `Expected was ${expected}.`
    return Object.freeze({
      ...unverified(ServerErrorCode.DID_MISMATCH, detail, disclosed),
      badgeJti: verification.badgeJti,
    })
  }

  /** A legacy server proves itself in `initialize`, once for a connection: later looks are at its badge alone. */
  function demandsOf(seen: Handshake | undefined, mayRemember: boolean): VerifyConfig {
    const wasProven = mayRemember && seen === undefined && current?.popVerified === true
    return wasProven ? { ...config, requirePop: false } : config
  }

  let lastDisclosed: DisclosedServerIdentity | undefined
  function readIdentity(
    meta: unknown,
    headers: DisclosedServerIdentity | undefined,
    mayRemember: boolean,
  ): DisclosedServerIdentity {
    const inMeta = readMetaIdentity(meta)
    if (headers !== undefined && inMeta.serverDid !== undefined && headers.serverDid !== inMeta.serverDid) {
      throw refusal('Headers and handshake disclose different DIDs.')
    }
    const found =
      inMeta.serverDid !== undefined ? inMeta : (headers ?? (mayRemember ? lastDisclosed : undefined) ?? inMeta)
    lastDisclosed = found
    return found
  }

  return {
    onInbound,
    onRequest,
    holdInbound,
    onClose: (): void => {
      isClosed = true
    },
    showBadge: (): void => http?.sendBadge(shownBadge),
    verification: (): ServerVerification =>
      current ?? unverified(ServerErrorCode.IDENTITY_MISSING, 'The server was not looked at.'),
    async verify(signal: AbortSignal | undefined): Promise<void> {
      await look(signal)
      if (refused !== undefined) throw refused
      if (isClosed) throw new ClientClosedError('The connection ended before the server was verified.')
      isOpen = true
      opened.resolve()
    },
    refuse: (error: unknown): void => {
      refused = error
      opened.reject(error)
    },
  }
}

function withMeta(request: McpRequest, added: Readonly<Record<string, unknown>>): McpRequest {
  const params = isObject(request.params) ? request.params : {}
  const meta = isObject(params._meta) ? params._meta : {}
  return { ...request, params: { ...params, _meta: { ...meta, ...added } } }
}

function readMetaIdentity(meta: unknown): DisclosedServerIdentity {
  try {
    return parseJsonRpcMeta(meta)
  } catch (conflict) {
    if (conflict instanceof DisclosureError) throw refusal(conflict.message)
    throw conflict
  }
}

function popAnswer(meta: unknown) {
  try {
    return popResponseFromMeta(meta)
  } catch (conflict) {
    // Two answers that differ prove nothing.
    if (conflict instanceof PopError) return undefined
    throw conflict
  }
}

/** The v2 SDK says; the v1 SDK knows the legacy era only. */
function eraOf(mcp: ClientLike): unknown {
  const getEra: unknown = Reflect.get(mcp, 'getProtocolEra')
  return typeof getEra === 'function' ? getEra.call(mcp) : 'legacy'
}

/** What is known of a server that was not verified here, without asking the core. */
function unverified(
  errorCode: ServerErrorCode,
  detail: string,
  { serverDid }: Partial<DisclosedServerIdentity> = {},
): ServerVerification {
  return Object.freeze({
    state: serverDid === undefined ? ServerState.UNVERIFIED_ORIGIN : ServerState.DECLARED_PRINCIPAL,
    isVerified: false,
    hasIdentity: serverDid !== undefined,
    errorCode,
    detail,
    serverDid,
    badgeJti: undefined,
    trustLevel: undefined,
    popVerified: false,
  })
}

/** What a server disclosed can be read in two ways. */
function refusal(detail: string): ServerVerifyError {
  return new ServerVerifyError(unverified(ServerErrorCode.DID_INVALID, detail))
}
