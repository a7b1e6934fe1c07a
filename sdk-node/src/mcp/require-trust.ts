import { isObject, own } from '@capiscio/proto/mcp'
import { readOptions, TrustLevel } from '@capiscio/proto/sdk'
import { authenticateCaller } from '../authenticate-caller.ts'
import { CallerCredential } from '../caller-credential.ts'
import type { CoreClient } from '../client.ts'
import { getDefaultCoreClient } from '../default-client.ts'
import { evaluateToolAccess } from '../evaluate-tool-access.ts'
import { trustScope } from './badge-auth-info.ts'

/** What the MCP SDK tells a scope challenge about one request. */
export interface ScopeContext {
  readonly request: { readonly method: string; readonly params?: unknown }
  readonly authInfo?: { readonly token: string; readonly scopes: readonly string[] } | undefined
}

/** Scopes that a client is asked to come back with, by HTTP 403 `insufficient_scope`. */
export interface TrustChallenge {
  scopes: [string]
  errorDescription: string
}

/**
 * A scope challenge of `@modelcontextprotocol/server` for tools, resources and prompts: HTTP 403
 * with the scope `trust:LEVEL`, before the request runs, for a caller whose badge is of a lower
 * level. The core decides about that and records it.
 *
 * ```ts
 * server.registerTool('pay', { scopeChallenge: requireTrust(3), inputSchema }, handler)
 * ```
 *
 * It is another form of a denial, for HTTP clients that can step up; the guard of the tool is
 * still `protectServer`. It needs a gate that requires a badge: a request without a verified
 * caller passes here.
 *
 * @throws TypeError for a level that is none.
 */
export function requireTrust(level: TrustLevel, options: { readonly client?: CoreClient | undefined } = {}) {
  readOptions(options, ['client'], 'The options of requireTrust')
  if (!Object.values(TrustLevel).includes(level)) throw new TypeError(`A trust level is 0 to 4, not ${level}.`)
  return async ({ request, authInfo }: ScopeContext): Promise<TrustChallenge | undefined> => {
    if (authInfo === undefined || authInfo.scopes.includes(trustScope(level))) return undefined
    const credential = new CallerCredential({ badge: authInfo.token })
    const client = options.client ?? getDefaultCoreClient()
    if (await isDenied(request, credential, level, client)) {
      return { scopes: [trustScope(level)], errorDescription: `This needs trust level ${level}.` }
    }
    return undefined
  }
}

/** Lets the core refuse, so that there is evidence. */
async function isDenied(
  { method, params }: ScopeContext['request'],
  credential: CallerCredential,
  minTrustLevel: TrustLevel,
  client: CoreClient,
): Promise<boolean> {
  const name = isObject(params) ? own(params, 'name') : undefined
  if (method === 'tools/call' && typeof name === 'string' && isObject(params)) {
    const asked = { credential, client, config: { minTrustLevel, acceptLevelZero: true } }
    return (await evaluateToolAccess(name, own(params, 'arguments'), asked)).outcome === 'DENY'
  }
  const question = { endpoint: `/${method}`, credential, minTrustLevel, serverOrigin: undefined, client }
  return 'refusal' in (await authenticateCaller(question))
}
