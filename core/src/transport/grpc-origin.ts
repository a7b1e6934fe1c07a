import type { CallOrigin } from './call-origin.ts'

/** What grpc-js calls know about their connection. */
export interface PeerKnown {
  getPeer(): string
  getAuthContext(): { readonly sslPeerCertificate?: unknown }
}

/** Tells where a call came from. */
export type OriginOf = (call: PeerKnown) => CallOrigin

/**
 * The origin of a call on a TCP listener. A connection that is already gone has no address
 * any more: its peer is then not known, which must never make it local.
 */
export function tcpOrigin(call: PeerKnown): CallOrigin {
  return {
    listener: 'tcp',
    peerAddress: /^(.+):\d+$/.exec(call.getPeer())?.[1],
    // The library gives it only where the chain was verified.
    certificate: call.getAuthContext().sslPeerCertificate !== undefined,
    browser: false,
  }
}
