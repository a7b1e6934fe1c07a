import type { AllowedToolAccess } from '@capiscio/proto/sdk'
import type { RequestHeaders } from './header-agreement.ts'

/** Headers of one connection (RFC 9110 §7.6.1), and those that are made anew for the next. */
const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'content-length', 'content-encoding', 'expect'],
])

/** What a client says about itself here the server would take for the word of this proxy. */
const CLIENT_ONLY = new Set([
  ...['host', 'accept-encoding', 'origin', 'referer', 'forwarded', 'x-real-ip'],
  // To some servers these name another path or method than the one that is guarded.
  ...['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-http-method', 'x-method-override'],
])
const CLIENT_ONLY_PREFIXES = ['x-forwarded-', 'x-capiscio-', 'capiscio-']

/** Servers behind CGI or WSGI read any other character as a hyphen, and so a name that was dropped. */
const PLAIN_NAME = /^[a-z0-9-]+$/

/** What a server says here the client would take for the word of this proxy. */
const SERVER_ONLY_PREFIXES = ['x-capiscio-', 'capiscio-', 'access-control-']

/** Whose badge an allowed call came with (badges.md §11), for servers that write their own logs. */
const AGENT_ID = 'x-capiscio-agent-id'
const BADGE_JTI = 'x-capiscio-badge-jti'

/**
 * Request headers as the target gets them: without the caller's credential, and with who the
 * caller is only where that was decided.
 *
 * @param bearerIsBadge the `Authorization` was read as a badge, so it is not the target's
 */
export function toTarget(
  headers: RequestHeaders,
  { bearerIsBadge, access }: { readonly bearerIsBadge: boolean; readonly access?: AllowedToolAccess | undefined },
): Record<string, string | readonly string[]> {
  const dropped = namedByConnection(headers)
  const kept = Object.entries(headers).filter(
    ([name]) =>
      PLAIN_NAME.test(name) &&
      !(HOP_BY_HOP.has(name) || CLIENT_ONLY.has(name) || dropped.has(name)) &&
      !CLIENT_ONLY_PREFIXES.some((prefix) => name.startsWith(prefix)) &&
      !(bearerIsBadge && name === 'authorization'),
  )
  return {
    ...(Object.fromEntries(kept) as Record<string, string | readonly string[]>),
    // Answers are read here.
    'accept-encoding': 'identity',
    ...(access?.principal !== undefined &&
      access.badgeJti !== undefined && { [AGENT_ID]: access.principal, [BADGE_JTI]: access.badgeJti }),
  }
}

/** Response headers as the client gets them. */
export function toClient(headers: RequestHeaders): Record<string, string | readonly string[]> {
  const dropped = namedByConnection(headers)
  const kept = Object.entries(headers).filter(
    ([name, value]) =>
      value !== undefined &&
      !(HOP_BY_HOP.has(name) || dropped.has(name)) &&
      !SERVER_ONLY_PREFIXES.some((prefix) => name.startsWith(prefix)),
  )
  return Object.fromEntries(kept) as Record<string, string | readonly string[]>
}

function namedByConnection({ connection }: RequestHeaders): ReadonlySet<string> {
  return new Set(
    String(connection ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  )
}
