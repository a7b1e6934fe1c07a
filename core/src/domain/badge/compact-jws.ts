import { decodeBase64url } from '../../lib/base64url.ts'
import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { BadgeRefused } from './badge-refused.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/** Longest token that is looked at, in characters (badges.md §8.2 step 1). */
const MAX_TOKEN_LENGTH = 16_384

/** The two JSON objects of a compact JWS. Nothing is verified. */
export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
}

/** What the signature was made over, and the signature. */
export interface SignedParts {
  /** ASCII of `header.payload`, exactly as received. */
  readonly signingInput: Uint8Array
  readonly signature: Uint8Array
}

/**
 * Refuses what is not worth hashing, decoding or remembering.
 *
 * @throws {BadgeRefused} BADGE_MALFORMED
 */
export function checkTokenSize(token: string): void {
  // The type is a promise of the caller; this is where the promise meets the outside.
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) {
    throw malformed(`it must be a text of at most ${MAX_TOKEN_LENGTH} characters`)
  }
}

/**
 * Steps 1 and 2 of badges.md §8.2: three strict base64url parts, of which the first two
 * are UTF-8 JSON objects with unique member names.
 *
 * @param token attacker-controlled
 * @throws {BadgeRefused} BADGE_MALFORMED
 */
export function parseCompactJws(token: string, observer: StepObserver = UNOBSERVED): CompactJws {
  observer.at('1')
  checkTokenSize(token)
  const [header, payload, signature] = splitToken(token).map(decodePart)
  if (header === undefined || payload === undefined || signature === undefined) {
    throw malformed('its parts must be base64url without padding')
  }
  observer.at('2')
  return { header: parseObject(header, 'header'), payload: parseObject(payload, 'payload') }
}

/**
 * The received bytes that the signature covers. Only for tokens that `parseCompactJws`
 * accepts, now or earlier.
 */
export function signedPartsOf(token: string): SignedParts {
  const lastDot = token.lastIndexOf('.')
  return {
    signingInput: new TextEncoder().encode(token.slice(0, lastDot)),
    signature: decodeBase64url(token.slice(lastDot + 1)) ?? new Uint8Array(),
  }
}

function splitToken(token: string): string[] {
  const parts = token.split('.', 4)
  if (parts.length !== 3) throw malformed('it must have three parts joined by dots')
  return parts
}

/** An empty part is refused like an undecodable one: no badge has one. */
function decodePart(part: string): Uint8Array | undefined {
  return part === '' ? undefined : decodeBase64url(part)
}

function parseObject(bytes: Uint8Array, part: 'header' | 'payload'): Readonly<Record<string, unknown>> {
  try {
    // A byte order mark stays, and is then no JSON: two readers could disagree about it.
    return parseStrictJsonObject(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    // SyntaxError from the parser, TypeError from the decoder; neither quotes the badge.
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause
    throw malformed(`its ${part} must be a UTF-8 JSON object with unique names`, { cause })
  }
}

function malformed(reason: string, options?: ErrorOptions): BadgeRefused {
  return new BadgeRefused('BADGE_MALFORMED', `The badge is not a compact JWS: ${reason}.`, options)
}
