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

/** The bytes of a batch: the frames of its entries, then the commit that makes them count. */
export interface BatchFrames {
  /** Bytes of the entry frames so far. */
  readonly entryBytes: number
  /** Copies an entry into the next frame. */
  add(entry: Uint8Array): void
  /** Ends the batch with its commit. Nothing can be added afterwards. */
  seal(note: Uint8Array): SealedBatch
}

export interface SealedBatch {
  readonly bytes: Uint8Array
  /** The entries. They share memory with `bytes`. */
  readonly entries: readonly Uint8Array[]
}

/** Room for a lone entry of usual size and its commit. */
const FIRST_BYTES = 1024

/** @param firstIndex index of the first entry, at most 2^53 - 1 */
export function createBatchFrames(firstIndex: number): BatchFrames {
  let bytes = new Uint8Array(FIRST_BYTES)
  let view = new DataView(bytes.buffer)
  // Where each frame ends; the first starts at 0.
  const ends: number[] = []
  let end = 0

  /** Makes room for one more frame and returns where its payload starts. */
  function reserve(payloadBytes: number): number {
    const needed = end + HEADER_BYTES + payloadBytes
    if (needed > bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * bytes.length))
      larger.set(bytes.subarray(0, end))
      bytes = larger
      view = new DataView(bytes.buffer)
    }
    return end + HEADER_BYTES
  }

  /** Writes the header before a payload that is in place. */
  function sealFrame(type: number, payloadBytes: number): void {
    const start = end
    end += HEADER_BYTES + payloadBytes
    view.setUint32(start, payloadBytes)
    bytes[start + 8] = type
    view.setUint32(start + 4, crc32c(bytes.subarray(start + 8, end)))
  }

  return {
    get entryBytes() {
      return end
    },

    add(entry) {
      const payload = reserve(INDEX_BYTES + entry.length)
      const index = firstIndex + ends.length
      view.setUint32(payload, Math.floor(index / 2 ** 32))
      view.setUint32(payload + 4, index >>> 0)
      bytes.set(entry, payload + INDEX_BYTES)
      sealFrame(ENTRY, INDEX_BYTES + entry.length)
      ends.push(end)
    },

    seal(note) {
      if (note.length > MAX_PAYLOAD_BYTES)
        throw new RangeError(`A commit of ${note.length} bytes does not fit into a frame.`)
      const payload = reserve(note.length)
      bytes.set(note, payload)
      sealFrame(COMMIT, note.length)
      const entries = ends.map((frameEnd, i) =>
        bytes.subarray((ends[i - 1] ?? 0) + HEADER_BYTES + INDEX_BYTES, frameEnd),
      )
      return { bytes: bytes.subarray(0, end), entries }
    },
  }
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
