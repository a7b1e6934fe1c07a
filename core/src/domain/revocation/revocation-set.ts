import { PACKED_BYTES, PACKED_WORDS, packId, unpackId } from './packed-id.ts'

/** Ids that are no UUID and so can be no badge's `jti`; kept for whoever asks about them. */
const MAX_OTHERS = 10_000

const BUCKETS = 16_384
const FIRST_CAPACITY = 4

/** Where a listing stopped, to go on from. */
export interface ListedUpTo {
  readonly bucket: number
  readonly id: string
}

/** Revoked ids of one issuer, in about 17 bytes each beside fixed 200 KiB. Ids are only added. */
export interface RevocationSet {
  readonly size: number
  /** Memory of the ids, in bytes. */
  readonly heldBytes: number
  /** Ids that are no UUID. */
  readonly others: ReadonlySet<string>
  has(id: string): boolean
  /**
   * Returns whether the id is new.
   *
   * @throws {RangeError} when the set is full
   */
  add(id: string): boolean
  /**
   * Adds packed ids, 16 bytes each. Quickest in the order in which `packed` gives them.
   *
   * @throws {RangeError} when the set is full, or the length is not a multiple of 16
   */
  addPacked(bytes: Uint8Array): void
  /** All UUIDs, packed, in pieces. One that is added between two pieces may be in or not. */
  packed(): Iterable<Uint8Array>
  /** At most `limit` ids after a place, in an order of its own that additions do not disturb. */
  list(limit: number, after?: ListedUpTo): { readonly ids: readonly string[]; readonly next?: ListedUpTo }
}

/**
 * Makes an empty set.
 *
 * UUIDs are dealt by a hash into sorted buckets of packed ids that grow by an eighth:
 * adding one moves some kilobytes at most, so that even a sync of millions never stops
 * the process for long, and nothing is kept per id but its 16 bytes.
 *
 * @param maxSize most ids
 */
export function createRevocationSet(maxSize: number): RevocationSet {
  const buckets: (Uint32Array | undefined)[] = new Array(BUCKETS)
  const counts = new Uint32Array(BUCKETS)
  const others = new Set<string>()
  const probe = new Uint32Array(PACKED_WORDS)
  let uuids = 0
  let heldWords = 0

  /** Adds what `probe` holds. */
  function addProbe(): boolean {
    const bucket = bucketOf(probe)
    const count = counts[bucket] ?? 0
    let words = buckets[bucket]
    const at = words === undefined ? 0 : lowerBound(words, count, probe)
    if (words !== undefined && at < count && compare(words, at, probe) === 0) return false
    if (uuids + others.size >= maxSize) throw new RangeError(`The set of revocations is full with ${maxSize} ids`)
    if (words === undefined || count * PACKED_WORDS === words.length) {
      const grown = new Uint32Array((words === undefined ? FIRST_CAPACITY : count + 1 + (count >>> 3)) * PACKED_WORDS)
      if (words !== undefined) grown.set(words)
      heldWords += grown.length - (words?.length ?? 0)
      buckets[bucket] = grown
      words = grown
    }
    words.copyWithin((at + 1) * PACKED_WORDS, at * PACKED_WORDS, count * PACKED_WORDS)
    words.set(probe, at * PACKED_WORDS)
    counts[bucket] = count + 1
    uuids++
    return true
  }

  function hasProbe(): boolean {
    const bucket = bucketOf(probe)
    const words = buckets[bucket]
    if (words === undefined) return false
    const count = counts[bucket] ?? 0
    const at = lowerBound(words, count, probe)
    return at < count && compare(words, at, probe) === 0
  }

  return {
    get size() {
      return uuids + others.size
    },
    get heldBytes() {
      return heldWords * 4
    },
    others,
    has: (id) => (packId(id, probe) ? hasProbe() : others.has(id)),
    add(id) {
      if (packId(id, probe)) return addProbe()
      if (others.has(id)) return false
      if (others.size >= MAX_OTHERS) throw new RangeError(`More than ${MAX_OTHERS} ids are no UUID`)
      if (uuids + others.size >= maxSize) throw new RangeError(`The set of revocations is full with ${maxSize} ids`)
      others.add(id)
      return true
    },
    addPacked(bytes) {
      if (bytes.length % PACKED_BYTES !== 0) throw new RangeError('Packed ids are 16 bytes each')
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      for (let at = 0; at < bytes.length; at += PACKED_BYTES) {
        for (let n = 0; n < PACKED_WORDS; n++) probe[n] = view.getUint32(at + 4 * n)
        addProbe()
      }
    },
    *packed() {
      for (const [bucket, words] of buckets.entries()) {
        if (words !== undefined) yield toBytes(words.subarray(0, (counts[bucket] ?? 0) * PACKED_WORDS))
      }
    },
    list(limit, after) {
      const ids: string[] = []
      let next: ListedUpTo | undefined
      for (let bucket = after?.bucket ?? 0; bucket < BUCKETS; bucket++) {
        const words = buckets[bucket]
        const count = counts[bucket] ?? 0
        if (words === undefined) continue
        let at = bucket === after?.bucket && packId(after.id, probe) ? lowerBound(words, count, probe) : 0
        if (bucket === after?.bucket && at < count && compare(words, at, probe) === 0) at++
        for (; at < count; at++) {
          if (ids.length === limit) return { ids, ...(next && { next }) }
          const id = unpackId(words, at * PACKED_WORDS)
          ids.push(id)
          next = { bucket, id }
        }
      }
      return { ids }
    },
  }
}

/** Which bucket. All words count: ids that share a time or a node spread as well. */
function bucketOf(words: Uint32Array): number {
  let hash = 0
  for (let n = 0; n < PACKED_WORDS; n++) hash = Math.imul(hash ^ (words[n] ?? 0), 0x9e3779b1)
  return (hash ^ (hash >>> 15)) & (BUCKETS - 1)
}

/** Index of the first id that is not below `id`. */
function lowerBound(words: Uint32Array, count: number, id: Uint32Array): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(words, middle, id) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function compare(words: Uint32Array, index: number, id: Uint32Array): number {
  for (let n = 0; n < PACKED_WORDS; n++) {
    const difference = (words[index * PACKED_WORDS + n] ?? 0) - (id[n] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function toBytes(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  for (let n = 0; n < words.length; n++) view.setUint32(4 * n, words[n] ?? 0)
  return bytes
}
