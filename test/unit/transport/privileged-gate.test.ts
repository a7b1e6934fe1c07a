import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { RpcFault } from '../../../core/src/service/rpc-fault.ts'
import { type CallOrigin, UNIX_ORIGIN } from '../../../core/src/transport/call-origin.ts'
import { tcpOrigin } from '../../../core/src/transport/grpc-origin.ts'
import { checkPrivilege } from '../../../core/src/transport/privileged-gate.ts'
import { WEB_ORIGIN, webOrigin } from '../../../core/src/transport/web-origin.ts'

const KEYS = '/capiscio.core.v1.CoreService/GenerateKeypair'
const ASK = '/capiscio.core.v1.CoreService/EvaluateToolAccess'

const tcp = (peer: string, sslPeerCertificate?: object): CallOrigin =>
  tcpOrigin({ getPeer: () => peer, getAuthContext: () => ({ sslPeerCertificate }) })

const web = (remoteAddress: string | undefined, headers: Record<string, string> = {}): CallOrigin =>
  webOrigin({ headers, socket: { remoteAddress } } as never).get(WEB_ORIGIN)

/** Status of the refusal, or nothing. */
function refused(path: string, origin: CallOrigin): string | undefined {
  try {
    checkPrivilege(path, origin)
    return undefined
  } catch (fault) {
    expect(fault).toBeInstanceOf(RpcFault)
    return (fault as RpcFault).code
  }
}

describe('a privileged call', () => {
  it.each<[from: string, origin: CallOrigin]>([
    ['the Unix socket', UNIX_ORIGIN],
    ['loopback', tcp('127.0.0.1:4000')],
    ['another address of loopback', tcp('127.8.9.1:4000')],
    ['loopback of IPv6', tcp('::1:4000')],
    ['loopback in its mapped form', tcp('::ffff:127.0.0.1:4000')],
    ['elsewhere with a certificate', tcp('192.0.2.7:4000', {})],
    ['a program on loopback, over the web listener', web('127.0.0.1', { 'user-agent': 'curl/8' })],
    ['a program with the fetch of Node', web('127.0.0.1', { 'sec-fetch-mode': 'cors' })],
  ])('from %s is let through', (_from, origin) => {
    expect(refused(KEYS, origin)).toBeUndefined()
  })

  it.each<[from: string, origin: CallOrigin]>([
    ['elsewhere', tcp('192.0.2.7:4000')],
    ['a private network', tcp('10.0.0.7:4000')],
    ['elsewhere over IPv6', tcp('2001:db8::1:4000')],
    ['an address that ends like loopback', tcp('2001:db8::127.0.0.1:4000')],
    ['a mapped address that is not loopback', tcp('::ffff:10.0.0.7:4000')],
    ['a connection that is already gone', tcp('unknown')],
    ['no address', tcp('')],
    ['a name that means loopback', tcp('localhost:4000')],
    ['elsewhere, over the web listener', web('192.0.2.7')],
    ['a web connection that is already gone', web(undefined)],
    ['a page', web('127.0.0.1', { origin: 'http://localhost:3000' })],
    ['a page that hides itself', web('127.0.0.1', { origin: 'null' })],
    ['a request that a page made without an origin', web('127.0.0.1', { 'sec-fetch-site': 'none' })],
    ['a form of a page', web('127.0.0.1', { referer: 'http://localhost:3000/' })],
    ['nobody knows where', webOriginOfNobody()],
  ])('from %s is refused', (_from, origin) => {
    expect(refused(KEYS, origin)).toBe('PERMISSION_DENIED')
    expect(refused(ASK, origin)).toBeUndefined()
  })

  it('from a page is refused also where the browser has a certificate', () => {
    expect(refused(KEYS, { ...web('127.0.0.1', { origin: 'https://app.example.com' }), certificate: true })).toBe(
      'PERMISSION_DENIED',
    )
  })

  it('over the web listener does not pass for one with a certificate because it says so', () => {
    const plain = {
      remoteAddress: '192.0.2.7',
      authorized: true,
      getPeerCertificate: () => ({ raw: new Uint8Array() }),
    }
    const bare = Object.assign(new TLSSocket(new Socket()), { authorized: true })
    for (const socket of [plain, bare]) {
      expect(webOrigin({ headers: {}, socket } as never).get(WEB_ORIGIN).certificate).toBe(false)
    }
    bare.destroy()
  })
})

function webOriginOfNobody(): CallOrigin {
  return WEB_ORIGIN.defaultValue
}
