import { DIDService } from '@capiscio/proto/v1'
import { agentIdOf, createAgentDid } from '../../domain/did/agent-did.ts'
import { parseDid } from '../../domain/did/did.ts'
import { didDocumentUrl } from '../../domain/did/did-document-url.ts'
import { isDidKey, parseDidKey } from '../../domain/did/did-key.ts'
import { DidRefused } from '../../domain/did/did-refused.ts'
import { parseDidWeb } from '../../domain/did/did-web.ts'
import { implementService } from '../service-implementation.ts'

/** The registry that `NewCapiscIOAgentDID` names. The name only: nothing is ever asked there. */
const CAPISCIO_REGISTRY = 'registry.capisc.io'

/** Visible ASCII without a second fragment. */
const FRAGMENT = /^[!"$-~]+$/

/** `capiscio.v1.DIDService`: DIDs are read and made, none is resolved. */
export function createDidService() {
  return implementService(DIDService, {
    parse: async ({ did }) => orMessage(() => ({ did: parseDidUrl(did) })),

    newAgentDID: async ({ domain, agentId }) => orMessage(() => ({ did: createAgentDid(domain, agentId) })),

    newCapiscIOAgentDID: async ({ agentId }) => orMessage(() => ({ did: createAgentDid(CAPISCIO_REGISTRY, agentId) })),

    documentURL: async ({ did }) =>
      orMessage(() => {
        if (!isDidKey(did)) return { url: didDocumentUrl(parseDidWeb(did)) }
        parseDidKey(did)
        throw new DidRefused('DID_MALFORMED', 'A did:key is its own document: there is nothing to fetch')
      }),

    async isAgentDID({ did }) {
      const agentId = agentIdOf(did)
      return { isAgentDid: agentId !== undefined, agentId: agentId ?? '' }
    },
  })
}

/** A DID, perhaps with the fragment that names one of its keys. */
function parseDidUrl(raw: string) {
  const hash = raw.indexOf('#')
  const text = hash < 0 ? raw : raw.slice(0, hash)
  const fragment = hash < 0 ? '' : raw.slice(hash + 1)
  if (hash >= 0 && !FRAGMENT.test(fragment)) throw new DidRefused('DID_MALFORMED', 'The part after # is not a fragment')
  const { method } = parseDid(text)
  if (method === 'key') parseDidKey(text)
  if (method !== 'web') return { raw, method, fragment }
  const { host, port, segments } = parseDidWeb(text)
  return { raw, method, domain: port === undefined ? host : `${host}:${port}`, path: [...segments], fragment }
}

/** In this package errors travel in a field, with status OK. */
function orMessage<T extends object>(answer: () => T): T | { errorMessage: string } {
  try {
    return answer()
  } catch (refused) {
    if (refused instanceof DidRefused) return { errorMessage: refused.message }
    throw refused
  }
}
