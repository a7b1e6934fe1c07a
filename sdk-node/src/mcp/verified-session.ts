import type { McpMessage, McpRequest } from '@capiscio/proto/mcp'
import { isHandshake } from '@capiscio/proto/mcp'
import type { ServerVerification } from '@capiscio/proto/sdk'
import { ClientClosedError, ServerErrorCode } from '@capiscio/proto/sdk'
import { withoutAbortSignal } from '../abort-signal.ts'
import { resolveSecret } from '../caller-credential.ts'
import { credentialToMeta } from '../credential-to-meta.ts'
import type { ClientLike } from './client-like.ts'
import type { ConnectDecided } from './connect-options.ts'
import { unverified } from './disclosed-identity.ts'
import { createServerLook } from './server-look.ts'
import { withMeta } from './with-meta.ts'

/** How long a verification holds where nobody says otherwise. */
const RECHECK_MS = 300_000

/** What happens on one connection: who waits for the verification of its server, and who is shown the credential. */
export interface VerifiedSession {
  /** Every request on its way out. Handshakes go; the others wait until the server is verified, now and after a while again. */
  onRequest(request: McpRequest): McpRequest | Promise<McpRequest>
  /** Every message that arrives. */
  onInbound(message: McpMessage): void
  /** What a request of the server waits for; undefined where it need not. */
  holdInbound(): Promise<void> | undefined
  /** The transport closed. */
  onClose(): void
  /** Lets the HTTP transport ask for the badge to show. */
  showBadge(): void
  /** The newest verification. */
  verification(): ServerVerification
  /** The first look at the server; opens the connection to everything that waits. @throws as `ServerLook.look` does */
  verify(signal: AbortSignal | undefined): Promise<void>
  /** Nothing leaves any more; who waits gets the error. */
  refuse(error: unknown): void
}

export function createVerifiedSession(mcp: ClientLike, decided: ConnectDecided): VerifiedSession {
  const { credential, options } = decided
  const { http, recheckMs = RECHECK_MS } = options
  const server = createServerLook(mcp, decided)
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

  function onRequest(request: McpRequest): McpRequest | Promise<McpRequest> {
    const { method } = request
    if (!isHandshake(method)) return release(request)
    // While the server is looked at, `server/discover` is our own question.
    if (isOpen && (checking === undefined || method === 'initialize')) isStale = true
    return server.ask(request, method)
  }

  async function release(request: McpRequest): Promise<McpRequest> {
    if (refused !== undefined) throw refused
    if (!isOpen) await opened.promise
    // Each answer has headers: one that discloses somebody else need not wait for the next look.
    else if (isStale || server.isContradicted() || performance.now() - checkedAtMs > recheckMs) await recheck()
    if (credential === undefined || !isTold()) return request
    const secret = await resolveSecret(credential)
    return withMeta(request, credentialToMeta(credential.kind === 'badge' ? { badge: secret } : { apiKey: secret }))
  }

  /** What the server asks before it is verified, or while it is looked at again, waits, too: the answers are the user's. */
  function holdInbound(): Promise<void> | undefined {
    if (refused !== undefined) return Promise.reject(refused)
    return isOpen ? checking : opened.promise
  }

  /** Whether the server may see the credential now. */
  function isTold(): boolean {
    return server.current()?.isVerified === true || options.sendCredentialToUnverified === true
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
    const wasStale = isStale
    // Who asks it anew from here on is noticed again.
    isStale = false
    await server.look(wasStale, signal)
    checkedAtMs = performance.now()
  }

  return {
    onRequest,
    onInbound: server.hear,
    holdInbound,
    onClose() {
      isClosed = true
    },
    showBadge: () => http?.sendBadge(shownBadge),
    verification: () =>
      server.current() ?? unverified(ServerErrorCode.IDENTITY_MISSING, 'The server was not looked at.'),
    async verify(signal) {
      await look(signal)
      if (refused !== undefined) throw refused
      if (isClosed) throw new ClientClosedError('The connection ended before the server was verified.')
      isOpen = true
      opened.resolve()
    },
    refuse(error) {
      refused = error
      opened.reject(error)
    },
  }
}
