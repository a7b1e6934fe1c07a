import type { SignedCheckpoint } from './signed-checkpoint.ts'
import {
  decodeBase64,
  HASH_BYTES,
  isDecimal,
  isSameBytes,
  refuse,
  sha256,
  verifyCheckpoint,
} from './signed-checkpoint.ts'

/** What a receipt has proven. */
export interface ProvenRecord {
  /** Position of the record in its log. */
  readonly leafIndex: bigint
  /** What the log signed, under which the record is in it. */
  readonly checkpoint: SignedCheckpoint
}

const HEADER = 'c2sp.org/tlog-proof@v1'

/** A tree of 2^53 - 1 leaves has no longer path. */
const MAX_PROOF_HASHES = 53

// Different first bytes keep a leaf from ever being read as a node (RFC 6962 §2.1).
const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/**
 * Checks here, without a core, that a record is in a log.
 *
 * @param receipt C2SP `tlog-proof` text, as `capiscio evidence prove` writes it and replies of protected servers carry it
 * @param leaf bytes of the record as it was hashed
 * @param verifierKey as for `verifyCheckpoint`
 * @throws EvidenceError unless the receipt proves exactly this record.
 * @throws TypeError for a verifier key that is none.
 */
export async function verifyReceipt(
  receipt: string,
  leaf: Uint8Array,
  verifierKey: string | readonly string[],
): Promise<ProvenRecord> {
  if (typeof receipt !== 'string' || !(leaf instanceof Uint8Array)) {
    throw new TypeError('A receipt is a text, and a record the bytes that were hashed.')
  }
  const blank = receipt.indexOf('\n\n')
  if (blank < 0 || !receipt.isWellFormed()) refuse('the receipt has no checkpoint')
  const [header, ...lines] = receipt.slice(0, blank).split('\n')
  if (header !== HEADER) refuse(`the receipt does not begin with ${HEADER}`)
  // Nobody vouches for an extra line: it may be there and means nothing.
  const [, extra] = /^extra (.*)$/.exec(lines[0] ?? '') ?? []
  if (extra !== undefined && decodeBase64(lines.shift()?.slice('extra '.length) ?? '') === undefined) {
    refuse('the receipt has an extra line that is not base64')
  }
  const [, index = ''] = /^index (.*)$/.exec(lines.shift() ?? '') ?? []
  if (!isDecimal(index) || lines.length > MAX_PROOF_HASHES) refuse('the receipt is malformed')
  const proof = lines.map((line) => decodeBase64(line) ?? refuse('the receipt has a line that is no hash'))
  const checkpoint = await verifyCheckpoint(receipt.slice(blank + 2), verifierKey)
  const leafIndex = BigInt(index)
  const isIncluded = await provesInclusion(leafIndex, checkpoint, await sha256(LEAF, leaf), proof)
  if (!isIncluded) refuse('the receipt does not prove this record')
  return Object.freeze({ leafIndex, checkpoint })
}

/**
 * Checks here, without a core, that a log only grew from an older checkpoint to a newer one.
 * Verify both checkpoints first.
 *
 * @param proof hashes of the consistency proof (RFC 6962 §2.1.2), in its order
 * @throws EvidenceError unless the newer tree extends the older one.
 */
export async function verifyConsistency(
  older: SignedCheckpoint,
  newer: SignedCheckpoint,
  proof: readonly Uint8Array[],
): Promise<void> {
  if (older.logOrigin !== newer.logOrigin) refuse('the checkpoints are of two logs')
  if (older.size < 1n || older.size > newer.size)
    refuse('an older checkpoint has at least one entry, and no more than a newer one')
  if (!(await provesGrowth(older, newer, proof))) refuse('the newer checkpoint does not extend the older one')
}

async function provesInclusion(
  index: bigint,
  { size, root }: SignedCheckpoint,
  leafHash: Uint8Array,
  proof: readonly Uint8Array[],
): Promise<boolean> {
  if (index >= size || !proof.every(isHash)) return false
  let place = { node: index, last: size - 1n }
  let hash = leafHash
  for (const sibling of proof) {
    if (place.last === 0n) return false
    const isRight = hasLeftSibling(place)
    hash = isRight ? await sha256(NODE, sibling, hash) : await sha256(NODE, hash, sibling)
    place = above(place)
  }
  return place.last === 0n && isSameBytes(hash, root)
}

async function provesGrowth(
  older: SignedCheckpoint,
  newer: SignedCheckpoint,
  proof: readonly Uint8Array[],
): Promise<boolean> {
  if (!proof.every(isHash)) return false
  if (older.size === newer.size) return proof.length === 0 && isSameBytes(older.root, newer.root)
  // An older tree that is one perfect subtree is its own first step.
  const isPerfect = (older.size & (older.size - 1n)) === 0n
  const [first, ...rest] = isPerfect && proof.length > 0 ? [older.root, ...proof] : proof
  if (first === undefined) return false
  let place = { node: older.size - 1n, last: newer.size - 1n }
  while (place.node % 2n === 1n) place = { node: place.node >> 1n, last: place.last >> 1n }
  let oldHash: Uint8Array = first
  let newHash: Uint8Array = first
  for (const sibling of rest) {
    if (place.last === 0n) return false
    if (hasLeftSibling(place)) {
      oldHash = await sha256(NODE, sibling, oldHash)
      newHash = await sha256(NODE, sibling, newHash)
    } else {
      newHash = await sha256(NODE, newHash, sibling)
    }
    place = above(place)
  }
  return place.last === 0n && isSameBytes(oldHash, older.root) && isSameBytes(newHash, newer.root)
}

/** A node of one level of a tree, and the level's last one. */
interface Place {
  readonly node: bigint
  readonly last: bigint
}

function hasLeftSibling({ node, last }: Place): boolean {
  return node % 2n === 1n || node === last
}

/** One level up, or more: the last node of a level that has no sibling moves up unhashed until it has one. */
function above({ node, last }: Place): Place {
  if (hasLeftSibling({ node, last })) {
    while (node % 2n === 0n && node !== 0n) {
      node >>= 1n
      last >>= 1n
    }
  }
  return { node: node >> 1n, last: last >> 1n }
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES
}
