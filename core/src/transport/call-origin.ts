import { BlockList, isIP } from 'node:net'

/**
 * Where a call comes from, as its listener saw it and not as the caller says. What is not
 * known is absent or false, and gives no rights.
 */
export interface CallOrigin {
  /** Only this user's programs reach `unix`: the socket is 0600. */
  readonly listener: 'unix' | 'tcp' | 'web'
  /** IP address of the other end of the connection. */
  readonly peerAddress?: string | undefined
  /** The client showed a certificate that a configured authority vouches for. */
  readonly certificate: boolean
  /** The request says that a page of a browser made it. */
  readonly browser: boolean
}

export const UNIX_ORIGIN: CallOrigin = Object.freeze({ listener: 'unix', certificate: false, browser: false })

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether the call was made on this machine. A proxy here passes for its clients. */
export function isLocal({ listener, peerAddress = '' }: CallOrigin): boolean {
  if (listener === 'unix') return true
  const family = isIP(peerAddress)
  return family !== 0 && LOOPBACK.check(peerAddress, family === 4 ? 'ipv4' : 'ipv6')
}
