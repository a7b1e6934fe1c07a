import type { Context } from 'hono'
import { API_KEY_PREFIX } from '../../domain/registry/api-keys.ts'
import type { Caller } from '../../domain/registry/caller.ts'
import { RegistryRefused } from '../../domain/registry/registry-refused.ts'
import type { RegistryServices } from './registry-services.ts'

type Deps = Pick<RegistryServices, 'accessKeys' | 'authenticateBadge' | 'report'>

/**
 * Who sends this request (registry.md §1.2): an API key in its own header, or a badge. A key
 * among the bearer tokens is taken too, because older commands send it there.
 *
 * @throws {RegistryRefused} unauthorized
 */
export async function authenticate(context: Context, { accessKeys, authenticateBadge, report }: Deps): Promise<Caller> {
  const key = context.req.header('x-capiscio-registry-key')
  if (key !== undefined) return accessKeys.authenticate(key)
  const bearer = /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1]
  if (bearer?.startsWith(API_KEY_PREFIX)) {
    report({ kind: 'deprecated', what: 'an API key in Authorization: send X-Capiscio-Registry-Key' })
    return accessKeys.authenticate(bearer)
  }
  const badge = bearer ?? context.req.header('x-capiscio-badge')
  if (badge !== undefined) return authenticateBadge(badge)
  throw new RegistryRefused('unauthorized', 'Send an API key in X-Capiscio-Registry-Key.')
}
