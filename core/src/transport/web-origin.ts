import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { type ContextKey, type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect'
import type { CallOrigin } from './call-origin.ts'

/** Where a web call came from. Unset, it came from a page: that gives the fewest rights. */
export const WEB_ORIGIN: ContextKey<CallOrigin> = createContextKey<CallOrigin>({
  listener: 'web',
  certificate: false,
  browser: true,
})

/** For the adapter, which makes these from each request. */
export function webOrigin({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): ContextValues {
  return createContextValues().set(WEB_ORIGIN, {
    listener: 'web',
    peerAddress: socket.remoteAddress,
    certificate: hasVerifiedCertificate(socket),
    // Browsers add these to what a page sends, and no page can take all of them away.
    browser: 'origin' in headers || 'referer' in headers || 'sec-fetch-site' in headers,
  })
}

/** A connection that counts as verified and shows no certificate, as a resumed session may, proves nobody. */
function hasVerifiedCertificate(socket: Socket): boolean {
  return socket instanceof TLSSocket && socket.authorized && socket.getPeerCertificate()?.raw !== undefined
}
