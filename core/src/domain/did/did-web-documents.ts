import { LRUCache } from 'lru-cache'
import { mediaTypeOf } from '../../lib/media-type.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DidDocumentSource } from '../../ports/did-documents.ts'
import type { OutboundHttp, OutboundResponse } from '../../ports/outbound-http.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { DidRefused } from './did-refused.ts'
import { parseDidWeb } from './did-web.ts'
import { type DidWebLocation, type DidWebPlaces, locateDidWeb } from './did-web-location.ts'

/** The limits of badges.md §6.5. */
const MAX_BYTES = 64 * 1024
const TIMEOUT_MS = 10_000
const MAX_AGE_MS = 300_000
/** §6.5 allows 30 s. A host that was away is found again sooner. */
const NEGATIVE_MAX_AGE_MS = 10_000

const CONTENT_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/did+json',
  'application/did+ld+json',
])

/** What is kept of documents and of failures, in characters: 8192 entries at most. */
const MAX_CHARACTERS = 8 * 1024 * 1024
/** What an entry costs beside its document: the DID, a message, the entry itself. */
const ENTRY_CHARACTERS = 1024

export interface DidWebDocumentsOptions extends DidWebPlaces {
  readonly http: OutboundHttp
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** Documents of did:web, fetched and kept for five minutes; failures are kept for ten seconds. */
export interface DidWebDocuments extends DidDocumentSource {
  /**
   * Drops what is kept of a DID, and what is being fetched for it now: a proof failed under
   * its document, so the next look must be a fresh one (badges.md §6.5).
   */
  forget(did: string): void
  /** What is kept and not too old, and nothing else: nobody is asked. */
  readonly kept: DidDocumentSource
}

interface Kept {
  readonly answer: string | SourceUnavailable
  readonly untilMs: number
}

/** Fetches each document once for all who ask at one time. */
export function createDidWebDocuments(options: DidWebDocumentsOptions): DidWebDocuments {
  const { http, clock } = options
  const kept = new LRUCache<string, Kept>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: ({ answer }) => ENTRY_CHARACTERS + (typeof answer === 'string' ? answer.length : 0),
  })
  const underWay = new Map<string, Promise<string>>()

  async function fetchDocument(did: string): Promise<string> {
    const { url, hostFrom } = locate(did, options)
    const response = await http.send({
      url,
      hostFrom,
      headers: { accept: [...CONTENT_TYPES].join(', ') },
      maxBytes: MAX_BYTES,
      timeoutMs: TIMEOUT_MS,
      purpose: 'did',
    })
    return textOf(response, did)
  }

  async function fetchAndKeep(did: string): Promise<string> {
    const fetching = fetchDocument(did)
    underWay.set(did, fetching)
    // What was forgotten meanwhile is answered to those who asked, and not kept.
    const keep = (answer: Kept['answer'], maxAgeMs: number): void => {
      if (underWay.get(did) !== fetching) return
      underWay.delete(did)
      kept.set(did, { answer, untilMs: clock.monotonicMs() + maxAgeMs })
    }
    try {
      const document = await fetching
      keep(document, MAX_AGE_MS)
      return document
    } catch (failure) {
      if (failure instanceof SourceUnavailable) keep(failure, NEGATIVE_MAX_AGE_MS)
      else if (underWay.get(did) === fetching) underWay.delete(did)
      throw failure
    }
  }

  /** What is kept; `undefined` when there is nothing, or it is too old. */
  function keptAnswer(did: string): string | undefined {
    const known = kept.get(did)
    if (known === undefined || clock.monotonicMs() >= known.untilMs) return undefined
    if (known.answer instanceof SourceUnavailable) throw known.answer
    return known.answer
  }

  return {
    async resolve(did) {
      return keptAnswer(did) ?? underWay.get(did) ?? fetchAndKeep(did)
    },
    kept: {
      async resolve(did) {
        const document = keptAnswer(did)
        if (document === undefined)
          throw new SourceUnavailable(`The document of ${did} is not kept, and nobody is asked`)
        return document
      },
    },
    forget(did) {
      kept.delete(did)
      underWay.delete(did)
    },
  }
}

function locate(did: string, places: DidWebPlaces): DidWebLocation {
  let location: DidWebLocation | undefined
  try {
    location = locateDidWeb(parseDidWeb(did), places)
  } catch (cause) {
    if (!(cause instanceof DidRefused)) throw cause
    throw new SourceUnavailable(`There is no document to fetch: ${cause.message}`, { cause })
  }
  if (location !== undefined) return location
  throw new SourceUnavailable('The did:web names a host or port that is not asked: use a public name and port 443')
}

function textOf({ status, headers, body }: OutboundResponse, did: string): string {
  if (status !== 200) throw new SourceUnavailable(`The document of ${did} was answered with status ${status}`)
  if (!CONTENT_TYPES.has(mediaTypeOf(headers.get('content-type')))) {
    throw new SourceUnavailable(`The document of ${did} is not served as application/did+json`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw new SourceUnavailable(`The document of ${did} is not UTF-8 text`, { cause })
  }
}
