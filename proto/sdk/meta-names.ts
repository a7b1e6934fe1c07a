/**
 * Names in `_meta` of MCP messages, each in the flat form of the RFCs and the vendor-prefixed
 * one. Writers write both, readers accept either (mcp-integration §2).
 */
export const META_NAMES = {
  serverDid: ['capiscio_server_did', 'io.capisc/server-did'],
  serverBadge: ['capiscio_server_badge', 'io.capisc/server-badge'],
  popNonce: ['capiscio_pop_nonce', 'io.capisc/pop-nonce'],
  popCreatedAt: ['capiscio_pop_created_at', 'io.capisc/pop-created-at'],
  popSignature: ['capiscio_pop_signature', 'io.capisc/pop-signature'],
  popSignedAt: ['capiscio_pop_signed_at', 'io.capisc/pop-signed-at'],
  popBoundSignature: ['capiscio_pop_bound_signature', 'io.capisc/pop-bound-signature'],
} as const satisfies Readonly<Record<string, readonly [string, string]>>

export type MetaName = keyof typeof META_NAMES

/** What disagrees in a `_meta` object. */
export class MetaConflict extends Error {
  override readonly name = 'MetaConflict'
}

/**
 * Reads one value of a `_meta` object from outside. `undefined` when it is there in neither
 * form; values of another type do not count, foreign names are not looked at.
 *
 * @throws {MetaConflict} when both forms are there with different values: choosing one would
 *   let whoever sits between add his.
 */
export function readMeta(meta: unknown, name: MetaName, type: 'string'): string | undefined
export function readMeta(meta: unknown, name: MetaName, type: 'number'): number | undefined
export function readMeta(meta: unknown, name: MetaName, type: 'string' | 'number'): unknown {
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) return undefined
  const [flat, prefixed] = META_NAMES[name]
  const values = [flat, prefixed]
    .map((key): unknown => (Object.hasOwn(meta, key) ? Reflect.get(meta, key) : undefined))
    .filter((value) => typeof value === type && value !== '')
  if (values.length === 2 && values[0] !== values[1]) {
    throw new MetaConflict(`_meta "${flat}" and "${prefixed}" differ. Send the same value in both, or one of them.`)
  }
  return values[0]
}

/** Both forms of each given value, to be merged into a `_meta` object. */
export function writeMeta(
  values: Readonly<Partial<Record<MetaName, string | number | undefined>>>,
): Record<string, string | number> {
  const meta: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    for (const key of META_NAMES[name as MetaName]) meta[key] = value
  }
  return meta
}
