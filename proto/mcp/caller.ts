import { isObject, type Members, own } from './messages.ts'

/** Names under which a caller's credential travels in `_meta`, flat and vendor-prefixed. */
export const BADGE_META_NAMES = ['capiscio_caller_badge', 'io.capisc/caller-badge'] as const
export const API_KEY_META_NAMES = ['capiscio_caller_api_key', 'io.capisc/caller-api-key'] as const

/** The header that carries a caller's badge. */
export const CALLER_BADGE_HEADER = 'X-Capiscio-Badge'

/** A credential as it came, not verified. Secret. */
export interface ClaimedCredential {
  readonly kind: 'badge' | 'apiKey'
  readonly secret: string
}

/** The caller's credential can be read in more than one way. The call must not run. */
export class CallerConflict extends Error {
  override readonly name = 'CallerConflict'
}

/** Where a request may carry its caller's credential. */
export interface CallerSources {
  /** `params._meta`. */
  readonly meta?: unknown
  /** Value of a request header by its name in any case. Absent on stdio. */
  readonly header?: ((name: string) => string | undefined) | undefined
  /**
   * Whether `Authorization: Bearer` is a badge. Default false: on MCP endpoints it is an OAuth
   * access token.
   */
  readonly bearerIsBadge?: boolean | undefined
}

/**
 * Finds the caller's credential. `undefined` for an anonymous caller.
 *
 * The same badge may come in several places; two different ones, or a badge and an API key, are
 * a conflict: choosing one would let the sender decide which of two identities is recorded.
 *
 * @throws {CallerConflict} also for values that are no non-empty texts. The message holds no secret.
 */
export function findCaller({ meta, header, bearerIsBadge = false }: CallerSources): ClaimedCredential | undefined {
  if (meta !== undefined && meta !== null && !isObject(meta)) {
    throw new CallerConflict('_meta must be an object. Send it as MCP describes it, or leave it out.')
  }
  const badges = new Set([
    ...textsIn(meta, BADGE_META_NAMES),
    ...headerValues(header?.(CALLER_BADGE_HEADER)),
    ...(bearerIsBadge ? bearerValues(header?.('Authorization')) : []),
  ])
  const apiKeys = new Set(textsIn(meta, API_KEY_META_NAMES))
  if (badges.size + apiKeys.size > 1) {
    throw new CallerConflict('The request carries more than one credential. Send one of them, the same in each place.')
  }
  const [badge] = badges
  if (badge !== undefined) return { kind: 'badge', secret: badge }
  const [apiKey] = apiKeys
  return apiKey === undefined ? undefined : { kind: 'apiKey', secret: apiKey }
}

function textsIn(meta: unknown, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const value = isObject(meta) ? own(meta, name) : undefined
    if (value === undefined) return []
    if (typeof value !== 'string' || value === '' || !value.isWellFormed()) {
      throw new CallerConflict(`_meta "${name}" must be a non-empty string.`)
    }
    return value
  })
}

/** No badge holds a comma: one means that there were several headers. */
function headerValues(value: string | undefined): string[] {
  return value === undefined
    ? []
    : value
        .split(',')
        .map((text) => text.trim())
        .filter((text) => text !== '')
}

/** Two headers, joined by a comma, count as both: what is not the bearer token beside one is a second credential. */
function bearerValues(value: string | undefined): string[] {
  const parts = headerValues(value).map((part) => ({ part, token: /^Bearer +(\S+)$/i.exec(part)?.[1] }))
  return parts.some(({ token }) => token !== undefined) ? parts.map(({ part, token }) => token ?? part) : []
}

/** The request without the caller's credential in its `_meta`, for whoever must not see it. */
export function withoutCaller(params: unknown): unknown {
  if (!isObject(params) || !isObject(params._meta)) return params
  const secret = new Set<string>([...BADGE_META_NAMES, ...API_KEY_META_NAMES])
  const kept: Members = Object.fromEntries(Object.entries(params._meta).filter(([name]) => !secret.has(name)))
  return { ...params, _meta: kept }
}
