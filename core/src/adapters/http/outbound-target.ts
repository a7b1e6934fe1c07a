import { isIP } from 'node:net'
import { isLoopbackAddress, isPublicAddress } from '../../lib/public-address.ts'
import { isPublicHostName } from '../../lib/public-host-name.ts'
import type { OutboundRequest } from '../../ports/outbound-http.ts'
import { OutboundFailure } from './outbound-failure.ts'

/** Where a request goes, by the rules for whoever chose the host. */
export interface OutboundTarget {
  readonly url: URL
  /** Name or IP address, without brackets. */
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** Scheme, host and port, without anything that could be secret. */
  readonly origin: string
  /** What the system is asked for. */
  readonly lookupName: string
  /** Whether one of the addresses that the name has may be connected to. */
  allows(address: string): boolean
}

const MAX_URL_LENGTH = 8192

/**
 * Decides whether a URL may be asked at all, before anything is resolved (badges.md §10).
 *
 * @param url attacker-controlled when `hostFrom` is `input`
 * @throws {OutboundFailure} forbidden
 */
export function parseOutboundTarget(text: string, hostFrom: OutboundRequest['hostFrom']): OutboundTarget {
  const url = text.length <= MAX_URL_LENGTH ? URL.parse(text) : null
  if (url === null || url.hostname === '') throw forbidden('The URL is not absolute, or longer than 8192 characters')
  if (url.username !== '' || url.password !== '') throw forbidden('A URL holds no user and password')
  if (url.hash !== '') throw forbidden('A URL that is asked for has no fragment')
  return hostFrom === 'operator' ? operatorTarget(url) : inputTarget(url)
}

/** The operator may reach any address, and speak without TLS to this machine only. */
function operatorTarget(url: URL): OutboundTarget {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (url.protocol === 'https:') return targetOf(url, host, host, () => true)
  if (url.protocol !== 'http:') throw forbidden(`${url.protocol} is not spoken here: use https`)
  if (host !== 'localhost' && !isLoopbackAddress(host)) {
    throw forbidden(`${url.origin} is not on this machine: use https, plain HTTP can be changed on its way`)
  }
  return targetOf(url, host, host, isLoopbackAddress)
}

function inputTarget(url: URL): OutboundTarget {
  const host = url.hostname
  if (url.protocol !== 'https:') throw forbidden('A host that was learned from input is asked over https only')
  if (url.port !== '') throw forbidden('A host that was learned from input is asked on port 443 only')
  if (!isPublicHostName(host)) throw forbidden('A host that was learned from input must have a public name')
  // The final dot keeps the system from trying the name under the domains of this network.
  return targetOf(url, host, `${host}.`, isPublicAddress)
}

function targetOf(url: URL, host: string, lookupName: string, allows: OutboundTarget['allows']): OutboundTarget {
  const secure = url.protocol === 'https:'
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  return { url, host, port, secure, origin: url.origin, lookupName: isIP(host) === 0 ? lookupName : host, allows }
}

function forbidden(message: string): OutboundFailure {
  return new OutboundFailure('forbidden', message)
}
