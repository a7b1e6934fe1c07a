import { crc32c } from '../../lib/crc32c.ts'
import { MAX_ENTRY_BYTES } from './record.ts'

/**
 * Journal frames (evidence-log §9.2), big-endian:
 *
 *   uint32 payload length | uint32 crc32c(type || payload) | uint8 type | payload
 *
 * An entry's payload is its index (uint64) and its bytes; a commit's is a signed checkpoint.
 */
const HEADER_BYTES = 9
const INDEX_BYTES = 8
const ENTRY = 1
const COMMIT = 2

/** No frame of either type is larger. */
export const MAX_PAYLOAD_BYTES = INDEX_BYTES + MAX_ENTRY_BYTES
export const MAX_FRAME_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES

/** What one entry adds to a journal. */
export function entryFrameBytes(entry: Uint8Array): number {
  return HEADER_BYTES + INDEX_BYTES + entry.length
}

export type Frame =
  | { readonly type: 'entry'; readonly bytes: number; readonly index: bigint; readonly entry: Uint8Array }
  | { readonly type: 'commit'; readonly bytes: number; readonly note: Uint8Array }

/** The bytes of a batch: its entries, then the commit that makes them count. */
export function encodeBatch(firstIndex: number, entries: readonly Uint8Array[], note: Uint8Array): Uint8Array {
  if (note.length > MAX_PAYLOAD_BYTES)
    throw new RangeError(`A commit of ${note.length} bytes does not fit into a frame.`)
  const total = entries.reduce((sum, entry) => sum + entryFrameBytes(entry), HEADER_BYTES + note.length)
  const batch = new Uint8Array(total)
  const view = new DataView(batch.buffer)
  let offset = 0
  entries.forEach((entry, i) => {
    view.setBigUint64(offset + HEADER_BYTES, BigInt(firstIndex + i))
    batch.set(entry, offset + HEADER_BYTES + INDEX_BYTES)
    offset = sealFrame(batch, view, offset, ENTRY, INDEX_BYTES + entry.length)
  })
  batch.set(note, offset + HEADER_BYTES)
  sealFrame(batch, view, offset, COMMIT, note.length)
  return batch
}

/** Writes the header before a payload that is in place; returns where the next frame starts. */
function sealFrame(batch: Uint8Array, view: DataView, offset: number, type: number, payloadBytes: number): number {
  const end = offset + HEADER_BYTES + payloadBytes
  view.setUint32(offset, payloadBytes)
  batch[offset + 8] = type
  view.setUint32(offset + 4, crc32c(batch.subarray(offset + 8, end)))
  return end
}

/**
 * Reads the frame at the start of the bytes, or `undefined` when there is no whole and
 * undamaged one. Give it `MAX_FRAME_BYTES`, or all that is left. The result shares memory
 * with the bytes.
 */
export function readFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const payloadBytes = view.getUint32(0)
  const end = HEADER_BYTES + payloadBytes
  const type = bytes[8]
  if (end > bytes.length || payloadBytes > MAX_PAYLOAD_BYTES) return undefined
  if (type !== COMMIT && !(type === ENTRY && payloadBytes >= INDEX_BYTES)) return undefined
  if (crc32c(bytes.subarray(8, end)) !== view.getUint32(4)) return undefined
  const payload = bytes.subarray(HEADER_BYTES, end)
  if (type === COMMIT) return { type: 'commit', bytes: end, note: payload }
  return { type: 'entry', bytes: end, index: view.getBigUint64(HEADER_BYTES), entry: payload.subarray(INDEX_BYTES) }
}

/**
 * Length of the frame at the start of the bytes, and its index when it is an entry, without
 * a look at its checksum: for stepping over frames that were proven before. `undefined` when
 * no frame can start there.
 */
export function frameOutline(bytes: Uint8Array): { readonly bytes: number; readonly index?: bigint } | undefined {
  if (bytes.length < HEADER_BYTES + INDEX_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = HEADER_BYTES + view.getUint32(0)
  if (end > Math.min(bytes.length, MAX_FRAME_BYTES)) return undefined
  if (bytes[8] === ENTRY) return { bytes: end, index: view.getBigUint64(HEADER_BYTES) }
  return bytes[8] === COMMIT ? { bytes: end } : undefined
}

/** A cheap test that almost all garbage fails, before the checksum is taken. */
export function mayStartFrame(bytes: Uint8Array, offset: number): boolean {
  const type = bytes[offset + 8]
  return bytes[offset] === 0 && (type === ENTRY || type === COMMIT)
}
