import { DidRefused } from './did-refused.ts'
import { parseDidWeb } from './did-web.ts'

/** What an agent's DID has between its host and the agent's id (badges.md §6.2). */
const SEGMENT = 'agents'

/** A UUID or a slug: unreserved characters, so that it reads the same in a DID, a path and a log. */
const AGENT_ID = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/

/**
 * The DID of an agent at a registry: `did:web:HOST:agents:ID`.
 *
 * @param domain a host name, perhaps with a port
 * @throws {DidRefused} DID_MALFORMED
 */
export function createAgentDid(domain: string, agentId: string): string {
  if (!AGENT_ID.test(agentId)) {
    throw new DidRefused(
      'DID_MALFORMED',
      'An agent id has 1 to 128 letters, digits, ".", "_" or "-", no others at its ends',
    )
  }
  // Before the domain becomes part of a DID: a colon of its own would start a path.
  if (!/^[A-Za-z0-9.-]+(:[0-9]+)?$/.test(domain)) {
    throw new DidRefused('DID_MALFORMED', 'The domain of a DID is a host name such as registry.example.com')
  }
  const did = `did:web:${domain.toLowerCase().replace(':', '%3A')}:${SEGMENT}:${agentId}`
  parseDidWeb(did)
  return did
}

/** The id of the agent that a DID names; `undefined` for a DID of something else, and for what is no DID. */
export function agentIdOf(did: string): string | undefined {
  try {
    const { segments } = parseDidWeb(did)
    const [segment, agentId, ...more] = segments
    return segment === SEGMENT && more.length === 0 ? agentId : undefined
  } catch (refused) {
    if (refused instanceof DidRefused) return undefined
    throw refused
  }
}
