import { CapiscioError } from './errors.ts'
import { MetaConflict, readMeta } from './meta-names.ts'

/** Identity as a server disclosed it (RFC-007 §5), not verified. */
export interface DisclosedServerIdentity {
  /** The server's DID; undefined when none was disclosed. */
  readonly serverDid: string | undefined
  /** The server's badge, a compact JWS; undefined when none was disclosed. */
  readonly serverBadge: string | undefined
}

/** The headers of a `Response`, or an object whose names count in any case, as Node gives them. */
export type HeaderSource = Headers | Readonly<Record<string, unknown>>

/** Names of the two disclosure headers. */
export const SERVER_DID_HEADER = 'Capiscio-Server-DID'
export const SERVER_BADGE_HEADER = 'Capiscio-Server-Badge'

/** What a server disclosed can be read in more than one way. Treat the server as unverified. */
export class DisclosureError extends CapiscioError {
  override readonly name = 'DisclosureError'
  readonly code = 'DISCLOSURE_CONFLICT'
}

/**
 * Reads the disclosure headers of an answer. Verifies nothing.
 *
 * @throws TypeError unless given headers.
 * @throws DisclosureError when a header is there twice with different values.
 */
export function parseHttpHeaders(headers: HeaderSource): DisclosedServerIdentity {
  if (typeof headers !== 'object' || headers === null) throw new TypeError('headers must be Headers or an object.')
  return Object.freeze({
    serverDid: header(headers, SERVER_DID_HEADER),
    serverBadge: header(headers, SERVER_BADGE_HEADER),
  })
}

/**
 * Reads the `_meta` object of a handshake result. Verifies nothing. Foreign names and values
 * of another type are not looked at.
 *
 * @throws DisclosureError when both spellings of a name have different values.
 */
export function parseJsonRpcMeta(meta: unknown): DisclosedServerIdentity {
  try {
    return Object.freeze({
      serverDid: readMeta(meta, 'serverDid', 'string'),
      serverBadge: readMeta(meta, 'serverBadge', 'string'),
    })
  } catch (conflict) {
    if (conflict instanceof MetaConflict) throw new DisclosureError(conflict.message)
    throw conflict
  }
}

function header(headers: HeaderSource, name: string): string | undefined {
  if (headers instanceof Headers) return single([headers.get(name)], name)
  const values = Object.entries(headers).flatMap(([key, value]): unknown =>
    key.toLowerCase() === name.toLowerCase() ? value : [],
  )
  return single(values, name)
}

/** Neither a DID nor a badge holds a comma: one means that there were two headers. */
function single(values: readonly unknown[], name: string): string | undefined {
  const texts = new Set(
    values
      .filter((value) => typeof value === 'string')
      .flatMap((value) => value.split(','))
      .map((value) => value.trim())
      .filter((value) => value !== ''),
  )
  if (texts.size > 1) throw new DisclosureError(`The header ${name} is there more than once, with different values.`)
  return [...texts][0]
}
