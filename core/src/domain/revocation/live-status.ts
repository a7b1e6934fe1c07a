import type { Clock } from '../../ports/clock.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { IssuerApi } from './issuer-api.ts'
import { createLiveAnswers, type LiveAnswers } from './live-answers.ts'

/** Answers about one badge or agent are small. */
const STATUS = { maxBytes: 16 * 1024, purpose: 'status' } as const

/** What one issuer says about badges, by `jti`, and about agents and servers, by DID. */
export interface LiveStatus {
  readonly badges: LiveAnswers
  readonly agents: LiveAnswers
}

export interface LiveStatusOptions {
  /** HTTPS origin that badges name. */
  readonly issuer: string
  readonly api: IssuerApi
  readonly clock: Clock
  /** How long `not revoked` and `active` count as answers of now, in milliseconds. */
  readonly maxAgeMs: number
  /** Of each kind. */
  readonly maxEntries: number
  /** Told how each question that went to the issuer ended. */
  readonly onAsked: (event: {
    readonly question: 'badge' | 'agent'
    readonly outcome: 'good' | 'bad' | 'failed'
  }) => void
}

/** The two live questions of badges.md §9. Only an answer in exactly the right form is one. */
export function createLiveStatus({ issuer, api, onAsked, ...options }: LiveStatusOptions): LiveStatus {
  const told = async (question: 'badge' | 'agent', answer: Promise<boolean>): Promise<boolean> => {
    try {
      const good = await answer
      onAsked({ question, outcome: good ? 'good' : 'bad' })
      return good
    } catch (cause) {
      onAsked({ question, outcome: 'failed' })
      throw cause
    }
  }
  return {
    badges: createLiveAnswers({ ...options, question: (jti) => told('badge', isBadgeGood(api, jti)) }),
    agents: createLiveAnswers({ ...options, question: (did) => told('agent', isSubjectActive(api, issuer, did)) }),
  }
}

async function isBadgeGood(api: IssuerApi, jti: string): Promise<boolean> {
  const { status, members } = await api.get(`/v1/badges/${encodeURIComponent(jti)}/status`, STATUS)
  // It issued the badge and must know it: not knowing is not "not revoked".
  if (status === 404) throw new SourceUnavailable(`The issuer does not know the badge ${jti}`)
  if (typeof members.jti !== 'string' || members.jti.toLowerCase() !== jti.toLowerCase()) {
    throw new SourceUnavailable(`The issuer answered about another badge than ${jti}`)
  }
  if (typeof members.revoked !== 'boolean')
    throw new SourceUnavailable('The issuer did not say whether it revoked the badge')
  return !members.revoked
}

async function isSubjectActive(api: IssuerApi, issuer: string, did: string): Promise<boolean> {
  const { status, members } = await api.get(statusPath(issuer, did), STATUS)
  if (status === 404) return false
  if (members.did !== undefined && members.did !== did) {
    throw new SourceUnavailable(`The issuer answered about another subject than ${did}`)
  }
  if (typeof members.status !== 'string') throw new SourceUnavailable(`The issuer did not say the status of ${did}`)
  return members.status === 'active'
}

/**
 * Servers have a status of their own (registry.md §10.2), but only those that the issuer
 * itself names: the same id under another host is somebody else's server.
 */
export function statusPath(issuer: string, did: string): string {
  const host = new URL(issuer).host.replace(':', '%3A')
  const prefix = `did:web:${host}:servers:`
  const id = did.toLowerCase().startsWith(prefix.toLowerCase()) ? decodeId(did.slice(prefix.length)) : ''
  // A dot or two would leave their place in the path.
  if (!/^(?:\.{0,2}|.*:.*)$/s.test(id)) return `/v1/servers/${encodeURIComponent(id)}/status`
  return `/v1/agents/${encodeURIComponent(did)}/status`
}

function decodeId(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    return id
  }
}
