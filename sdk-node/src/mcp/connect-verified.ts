import type { ServerVerification } from '@capiscio/proto/sdk'
import { CallAbortedError } from '@capiscio/proto/sdk'
import { anySignal, getAbortSignal, throwIfAborted } from '../abort-signal.ts'
import type { ClientLike } from './client-like.ts'
import type { ConnectVerifiedOptions } from './connect-options.ts'
import { decideConnectOptions } from './connect-options.ts'
import { tapTransport } from './tap-transport.ts'
import type { TransportLike } from './transport-like.ts'
import { createVerifiedSession } from './verified-session.ts'

/** What is known about the server at the other end. */
export interface VerifiedConnection {
  /** The newest verification. */
  readonly server: ServerVerification
}

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
  const decided = decideConnectOptions(options, transport)
  // To leave the new server would be to leave the one that it is connected with.
  if (mcp.transport !== undefined) throw new TypeError('This client is connected already: take another one.')
  const signal = anySignal([getAbortSignal(), options.signal])
  throwIfAborted(signal)
  if (options.url !== undefined) options.http?.attach(new URL(options.url))
  const session = createVerifiedSession(mcp, decided)
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
