import { mediaTypeOf } from '../../lib/media-type.ts'
import type { OutboundHttp, OutboundResponse } from '../../ports/outbound-http.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { type JwksRules, parseJwks } from './jwks.ts'
import { TrustRefused } from './trust-refused.ts'

const MAX_BYTES = 1024 * 1024
/** Decisions wait for it: shorter than the ten seconds that badges.md §7 allows. */
const TIMEOUT_MS = 5_000

const CONTENT_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/jwk-set+json'])

export interface JwksPlace {
  readonly issuer: string
  /** Where the operator's configuration says that the key set is. */
  readonly url: string
  readonly http: OutboundHttp
  /** Which keys can be used. Default: Ed25519 keys only. */
  readonly rules?: JwksRules
}

export interface FetchedJwks {
  /** JSON text. */
  readonly jwks: string
  /** Usable keys in it, at least one. */
  readonly keys: number
}

/**
 * Fetches the key set of an issuer once. An empty set counts as no answer: an issuer that signs
 * nothing any more is not told apart from one whose publishing went wrong.
 *
 * @throws {SourceUnavailable} for everything but a key set with at least one usable key
 */
export async function fetchJwks({ issuer, url, http, rules }: JwksPlace): Promise<FetchedJwks> {
  const response = await http.send({
    url,
    hostFrom: 'operator',
    headers: { accept: [...CONTENT_TYPES].join(', ') },
    maxBytes: MAX_BYTES,
    timeoutMs: TIMEOUT_MS,
    purpose: 'jwks',
  })
  const jwks = textOf(response, issuer)
  try {
    const { length: keys } = parseJwks(jwks, rules)
    if (keys > 0) return { jwks, keys }
  } catch (cause) {
    if (!(cause instanceof TrustRefused)) throw cause
    throw unusable(issuer, `is no key set: ${cause.message}`, { cause })
  }
  throw unusable(issuer, 'has no usable key')
}

function textOf({ status, headers, body }: OutboundResponse, issuer: string): string {
  if (status !== 200) throw unusable(issuer, `has status ${status}`)
  if (!CONTENT_TYPES.has(mediaTypeOf(headers.get('content-type'))))
    throw unusable(issuer, 'is not served as application/json')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw unusable(issuer, 'is not UTF-8 text', { cause })
  }
}

function unusable(issuer: string, reason: string, options?: ErrorOptions): SourceUnavailable {
  return new SourceUnavailable(`The answer to the request for the keys of ${issuer} ${reason}`, options)
}
