import { isPrivilegedMethod } from '../service/privileged-methods.ts'
import { RpcFault } from '../service/rpc-fault.ts'
import { type CallOrigin, isLocal } from './call-origin.ts'

/**
 * Keeps privileged calls to those who may make them: programs on this machine, through a
 * Unix socket or loopback, and clients with a certificate. Never a page in a browser, which
 * runs on this machine and belongs to somebody else. A bearer token is not enough: every
 * program that asks for decisions has it.
 *
 * @param path `/package.Service/Method`
 * @throws {RpcFault} PERMISSION_DENIED
 */
export function checkPrivilege(path: string, origin: CallOrigin): void {
  if (!isPrivilegedMethod(path)) return
  if (origin.browser) {
    throw new RpcFault('PERMISSION_DENIED', `${path} is not for pages in a browser. Use the gRPC listener.`)
  }
  if (origin.certificate || isLocal(origin)) return
  throw new RpcFault(
    'PERMISSION_DENIED',
    `${path} is answered on a Unix socket, on loopback, and over TLS to clients with a certificate (listen.tls.clientCaFile). Call it in one of these ways.`,
  )
}
