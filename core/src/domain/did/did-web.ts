import { parseDid } from './did.ts'
import { DidRefused } from './did-refused.ts'

/** Where a did:web points. */
export interface DidWeb {
  /** Lower case. */
  readonly host: string
  /** 1 to 65535; absent means 443. */
  readonly port?: number
  /** Path segments, percent-encoded as written, each safe to put between slashes of a URL. */
  readonly segments: readonly string[]
}

const HOST_AND_PORT = /^([A-Za-z0-9.-]{1,253})(?:%3[Aa]([1-9][0-9]{0,4}))?$/

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** What URL parsers read as an IPv4 address: a last label that is a number. */
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/

/** Characters that would leave the segment, or the URL. */
const UNSAFE_IN_SEGMENT = /[/\\?#\x00-\x1f\x7f-\x9f]/

/**
 * Reads a did:web (badges.md §6.2). IP addresses and single-label hosts other than
 * `localhost` are refused. Whether a host or port may be contacted is for the caller.
 *
 * @param did attacker-controlled
 * @throws {DidRefused} DID_MALFORMED
 */
export function parseDidWeb(did: string): DidWeb {
  const { method, id } = parseDid(did)
  if (method !== 'web') throw new DidRefused('DID_MALFORMED', 'The DID is not a did:web')
  const [authority = '', ...segments] = id.split(':')
  const [, host = '', port] = HOST_AND_PORT.exec(authority) ?? []
  const decided = host.toLowerCase()
  if (!isHostName(decided)) throw new DidRefused('DID_MALFORMED', 'The did:web does not name a host')
  if (Number(port ?? 0) > 65_535) throw new DidRefused('DID_MALFORMED', 'The did:web names a port above 65535')
  if (!segments.every(isSafeSegment)) {
    throw new DidRefused('DID_MALFORMED', 'The did:web has a path segment that is empty or leaves its place')
  }
  return { host: decided, ...(port !== undefined && { port: Number(port) }), segments }
}

/**
 * The HTTPS origin that a did:web without path stands for in a list of issuers:
 * `did:web:HOST` is `https://HOST`. `undefined` for everything else.
 */
export function issuerOriginOf(did: string): string | undefined {
  try {
    const { host, port, segments } = parseDidWeb(did)
    if (segments.length > 0) return undefined
    return port === undefined || port === 443 ? `https://${host}` : `https://${host}:${port}`
  } catch (refused) {
    if (refused instanceof DidRefused) return undefined
    throw refused
  }
}

function isHostName(host: string): boolean {
  if (host === 'localhost') return true
  const labels = host.split('.')
  return labels.length > 1 && labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels.at(-1) ?? '')
}

function isSafeSegment(segment: string): boolean {
  try {
    const decoded = decodeURIComponent(segment)
    return decoded !== '' && decoded !== '.' && decoded !== '..' && !UNSAFE_IN_SEGMENT.test(decoded)
  } catch {
    return false
  }
}
