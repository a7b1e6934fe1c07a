import type { OutboundHttp, OutboundRequest, OutboundResponse } from '../../core/src/ports/outbound-http.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

/** An issuer's status API in memory, behind the port that everything goes out through. */
export interface IssuerHttp extends OutboundHttp {
  /** Revoked badges in the order of revocation. */
  readonly revoked: { readonly jti: string; readonly atMs: number }[]
  /** Badges that the issuer knows. Empty means that it knows all. */
  readonly badges: Set<string>
  /** Status by path segment (DID or server id); everybody else is `active`. */
  readonly agents: Map<string, string>
  readonly unknownAgents: Set<string>
  /** Requests so far, as paths. */
  readonly asked: string[]
  /** Entries on one page of the list. */
  pageSize: number
  /** Of the issuer; in milliseconds since the Unix epoch. */
  nowMs: () => number
  /** What to do instead of answering; gets the path and the number of requests before it. */
  trouble: ((path: string, before: number) => OutboundResponse | Promise<OutboundResponse> | undefined) | undefined
}

export const API = 'https://api.registry.example.com/base'

export function createIssuerHttp(nowMs: () => number): IssuerHttp {
  const fake: IssuerHttp = {
    revoked: [],
    badges: new Set(),
    agents: new Map(),
    unknownAgents: new Set(),
    asked: [],
    pageSize: 100,
    nowMs,
    trouble: undefined,
    async send(request) {
      const { pathname, search, searchParams } = new URL(request.url)
      const path = pathname.replace(/^\/base/, '')
      const before = fake.asked.push(path + search) - 1
      checkRequest(request)
      return (await fake.trouble?.(path + search, before)) ?? answer(fake, path, searchParams)
    },
  }
  return fake
}

/** The issuer is out of reach. */
export const unreachable = (): never => {
  throw new SourceUnavailable('api.registry.example.com cannot be reached')
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): OutboundResponse {
  return raw(JSON.stringify(value), status, { 'content-type': 'application/json', ...headers })
}

export function raw(body: string, status = 200, headers: Readonly<Record<string, string>> = {}): OutboundResponse {
  return { status, headers: new Map(Object.entries(headers)), body: new TextEncoder().encode(body) }
}

function checkRequest({ url, method = 'GET', hostFrom, signal }: OutboundRequest): void {
  if (!url.startsWith(API) || method !== 'GET' || hostFrom !== 'operator')
    throw new Error(`Unexpected ${method} ${url}`)
  if (signal?.aborted) throw new SourceUnavailable('aborted')
}

function answer(fake: IssuerHttp, path: string, query: URLSearchParams): OutboundResponse {
  const [, kind, id] = /^\/v1\/(badges|agents|servers)\/([^/]+)\/status$/.exec(path) ?? []
  if (kind === 'badges') return badgeStatus(fake, decodeURIComponent(id ?? ''))
  if (kind !== undefined) return agentStatus(fake, decodeURIComponent(id ?? ''))
  if (path === '/v1/revocations') return list(fake, query)
  return json({ error: 'not_found', message: 'Nothing here' }, 404)
}

function badgeStatus({ revoked, badges }: IssuerHttp, jti: string): OutboundResponse {
  if (badges.size > 0 && !badges.has(jti)) return json({ error: 'badge_not_found' }, 404)
  return json({ jti, revoked: revoked.some((one) => one.jti === jti) })
}

function agentStatus({ agents, unknownAgents }: IssuerHttp, did: string): OutboundResponse {
  if (unknownAgents.has(did)) return json({ error: 'agent_not_found' }, 404)
  return json({ ...(did.startsWith('did:') && { did }), status: agents.get(did) ?? 'active', disabledAt: null })
}

/** The cursor is the index of the next entry. `syncedAt` is taken before rows are read. */
function list({ revoked, pageSize, nowMs }: IssuerHttp, query: URLSearchParams): OutboundResponse {
  const sinceMs = query.has('since') ? Date.parse(query.get('since') ?? '') : 0
  const matching = revoked.filter(({ atMs }) => atMs >= sinceMs)
  const from = Number(query.get('cursor') ?? 0)
  const page = matching.slice(from, from + Math.min(pageSize, Number(query.get('limit'))))
  const end = from + page.length
  return json({
    revocations: page.map(({ jti, atMs }) => ({ jti, revokedAt: new Date(atMs).toISOString() })),
    syncedAt: new Date(nowMs()).toISOString(),
    ...(end < matching.length && { nextCursor: String(end) }),
  })
}
