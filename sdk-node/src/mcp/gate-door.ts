import type { CallerSources } from '@capiscio/proto/mcp'
import { SERVER_BADGE_HEADER, SERVER_DID_HEADER } from '@capiscio/proto/sdk'
import { authenticateCaller } from '../authenticate-caller.ts'
import type { CoreClient } from '../client.ts'
import { type BadgeAuthInfo, badgeAuthInfo } from './badge-auth-info.ts'
import { claimedCaller } from './claimed-caller.ts'
import { type GateAnswer, refusalAnswer, unavailableAnswer } from './gate-refusal.ts'
import type { ServerIdentityDisclosure } from './server-identity.ts'

/** Where clients may learn the identity before they connect (RFC-007). */
const DISCOVERY_PATH = '/.well-known/capiscio/mcp-server.json'

/** Longest path in a record, in characters. Attackers choose it. */
const MAX_PATH_CHARACTERS = 256

/** One HTTP request, as every framework has it. */
export interface GateRequest {
  readonly method: string
  /** Path without query. */
  readonly path: string
  readonly header: (name: string) => string | undefined
}

/** What becomes of a request, and the headers that its answer gets, whoever gives it. */
export interface Passage {
  readonly disclosure: readonly (readonly [name: string, value: string])[]
  /** The gate answers itself. */
  readonly answer?: GateAnswer
  /** Who calls, where the gate asked. */
  readonly authInfo?: BadgeAuthInfo
}

export interface GateDoorOptions {
  readonly identity: ServerIdentityDisclosure | undefined
  readonly requireBadge: boolean
  readonly bearerIsBadge: boolean
  readonly serverOrigin: string | undefined
  readonly timeoutMs: number | undefined
  readonly client: () => CoreClient
  readonly nowMs: () => number
}

/** Decides about requests for every form of the gate. Never rejects. */
export function createGateDoor(options: GateDoorOptions): (request: GateRequest) => Promise<Passage> {
  const { identity, requireBadge, bearerIsBadge, serverOrigin, timeoutMs, client, nowMs } = options

  async function pass({ method, path, header }: GateRequest, badge: string | undefined) {
    if (identity !== undefined && path === DISCOVERY_PATH && (method === 'GET' || method === 'HEAD')) {
      const document = { server_did: identity.did, server_badge: badge, updated_at: new Date(nowMs()).toISOString() }
      return { answer: { status: 200, body: JSON.stringify(document), headers: { 'Cache-Control': 'no-cache' } } }
    }
    // Preflights carry no credentials.
    return requireBadge && method !== 'OPTIONS' ? authenticated(path, { header, bearerIsBadge }) : {}
  }

  async function authenticated(path: string, sources: CallerSources): Promise<Omit<Passage, 'disclosure'>> {
    try {
      const { credential } = claimedCaller(sources)
      const asked = { endpoint: endpointOf(path), credential, serverOrigin, timeoutMs, client: client() }
      const found = await authenticateCaller(asked)
      if ('refusal' in found) return { answer: refusalAnswer(found.refusal) }
      const token = credential?.reveal()
      return typeof token === 'string' ? { authInfo: badgeAuthInfo(token, found.caller) } : {}
    } catch (error) {
      return { answer: unavailableAnswer(error) }
    }
  }

  return async (request) => {
    const badge = await identity?.currentBadge()
    return { ...(await pass(request, badge)), disclosure: identity === undefined ? [] : headersOf(identity.did, badge) }
  }
}

function headersOf(did: string, badge: string | undefined): Passage['disclosure'] {
  return [
    [SERVER_DID_HEADER, did],
    ...(badge === undefined ? [] : [[SERVER_BADGE_HEADER, badge] as const]),
    // Pages see only headers that are named here.
    ['Access-Control-Expose-Headers', `${SERVER_DID_HEADER}, ${SERVER_BADGE_HEADER}`],
  ]
}

function endpointOf(path: string): string {
  return path.startsWith('/') ? path.slice(0, MAX_PATH_CHARACTERS).toWellFormed() : '/'
}
