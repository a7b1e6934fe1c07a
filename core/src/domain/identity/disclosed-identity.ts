/** What an MCP server says about itself, not verified (RFC-007 §3). */
export interface DisclosedIdentity {
  /** Empty when none was disclosed. */
  readonly did: string
  /** Compact JWS; empty when none was disclosed. */
  readonly badge: string
}

export type DisclosureRefusalCode = 'META_NOT_JSON' | 'META_NOT_OBJECT' | 'META_CONFLICT'

/** A disclosure that cannot be read one way only. */
export class DisclosureRefused extends Error {
  override readonly name = 'DisclosureRefused'
  readonly code: DisclosureRefusalCode

  constructor(code: DisclosureRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const DID_NAMES = ['capiscio_server_did', 'io.capisc/server-did'] as const
const BADGE_NAMES = ['capiscio_server_badge', 'io.capisc/server-badge'] as const

/** Reads an identity from the two disclosure headers. `undefined` when both are empty. */
export function identityFromHeaders(did: string, badge: string): DisclosedIdentity | undefined {
  return did === '' && badge === '' ? undefined : { did, badge }
}

/**
 * Reads an identity from the `_meta` object of a handshake result, given as JSON text that
 * is attacker-controlled. Both spellings of each name count; values that are not strings do
 * not; foreign names are ignored. `undefined` when nothing was disclosed.
 *
 * @throws {DisclosureRefused} when the text is no JSON object, or both spellings of a name
 *   are there with different values: choosing one would let a man in the middle add his.
 */
export function identityFromMeta(json: string): DisclosedIdentity | undefined {
  let meta: unknown
  try {
    meta = JSON.parse(json)
  } catch (cause) {
    throw new DisclosureRefused(
      'META_NOT_JSON',
      'The _meta text is not JSON: pass the object of the result as it came.',
      { cause },
    )
  }
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) {
    throw new DisclosureRefused('META_NOT_OBJECT', 'The _meta value is not a JSON object.')
  }
  return identityFromHeaders(read(meta, DID_NAMES), read(meta, BADGE_NAMES))
}

function read(meta: object, [flat, prefixed]: readonly [string, string]): string {
  const values = [flat, prefixed]
    .map((name): unknown => (Object.hasOwn(meta, name) ? Reflect.get(meta, name) : undefined))
    .filter((value) => typeof value === 'string' && value !== '')
  const [first = '', second = first] = values as string[]
  if (first !== second) {
    throw new DisclosureRefused('META_CONFLICT', `_meta holds ${flat} and ${prefixed} with different values.`)
  }
  return first
}
