import { MAX_ENTRY_BYTES } from './record.ts'
import { TILE_WIDTH } from './tile-path.ts'

const LENGTH_BYTES = 2

/**
 * The bytes of an entry bundle (evidence-log §3.2): each entry after its 16-bit length.
 *
 * @throws RangeError for no entries, more than 256, or one over 65535 bytes
 */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length < 1 || entries.length > TILE_WIDTH)
    throw new RangeError(`No bundle has ${entries.length} entries.`)
  const bundle = new Uint8Array(entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0))
  const view = new DataView(bundle.buffer)
  let offset = 0
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) throw new RangeError(`An entry of ${entry.length} bytes fits into no bundle.`)
    view.setUint16(offset, entry.length)
    bundle.set(entry, offset + LENGTH_BYTES)
    offset += LENGTH_BYTES + entry.length
  }
  return bundle
}

/**
 * The entries of a bundle, or `undefined` when the bytes are not exactly `width` entries.
 * The bytes are attacker-controlled; the entries share memory with them.
 */
export function decodeBundle(bundle: Uint8Array, width: number): readonly Uint8Array[] | undefined {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  const entries: Uint8Array[] = []
  let offset = 0
  while (entries.length < width) {
    if (offset + LENGTH_BYTES > bundle.length) return undefined
    const end = offset + LENGTH_BYTES + view.getUint16(offset)
    if (end > bundle.length) return undefined
    entries.push(bundle.subarray(offset + LENGTH_BYTES, end))
    offset = end
  }
  return offset === bundle.length ? entries : undefined
}
