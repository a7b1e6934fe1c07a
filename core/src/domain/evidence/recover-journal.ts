import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { JournalSegment } from '../../ports/journal.ts'
import { bytesEqual } from './bytes-equal.ts'
import { type Checkpoint, isNoteOf, openCheckpoint } from './checkpoint.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { readFrame } from './frame.ts'
import { appendLeaf, EMPTY_EDGE, edgeRoot, leafHash, type RightEdge } from './merkle.ts'
import { createSegmentReader } from './segment-reader.ts'
import { refuseUnlessTorn } from './torn-tail.ts'
import type { VerifierKey } from './verifier-key.ts'

export interface RecoverOptions {
  /** All segments of the journal, oldest first. */
  readonly segments: readonly JournalSegment[]
  readonly origin: string
  /** The log's keys; two during a rotation. */
  readonly keys: readonly VerifierKey[]
  readonly verifier: Ed25519Verifier
  /** Tree heads known from elsewhere (a published checkpoint, an anchor): the journal must extend each. */
  readonly known: readonly Checkpoint[]
  /**
   * The tree before the first segment, whose older ones are gone because they were published.
   * Unproven: the replay proves it on reaching the published head. Default: the empty tree.
   */
  readonly start?: RightEdge
  /**
   * The published head, one of `known` or absent. Its signature vouches for every entry
   * below it, so the signatures of older commits are not verified again.
   */
  readonly published?: Checkpoint
}

/** Some bytes of one segment. */
export interface SegmentRange {
  readonly segment: JournalSegment
  readonly offset: number
  readonly bytes: number
}

/** What a journal proves to hold. */
export interface RecoveredJournal {
  /** The tree of the last commit. */
  readonly tree: RightEdge
  /** The signed checkpoint of that tree, as it was written; absent when nothing was committed. */
  readonly checkpoint: Uint8Array | undefined
  /** Committed bytes in the newest segment; absent when there is no segment. */
  readonly newestSegmentBytes: number | undefined
  /** The last commit with its entries. */
  readonly lastBatch: SegmentRange | undefined
  /** Bytes after the last commit that were never acknowledged: to be put to quarantine. */
  readonly tornTail: SegmentRange | undefined
}

/**
 * Replays a journal from the first byte that is left of it (evidence-log §9.4). Changes nothing; memory is
 * bounded. Proves that indices are contiguous, that every commit is signed by the log, and
 * that every root is the root of exactly the entries before it.
 *
 * @throws {EvidenceRefused} JOURNAL_DAMAGED, JOURNAL_ORDER, JOURNAL_COMMIT_INVALID or
 *   JOURNAL_ROLLED_BACK, with file, index and expectation
 */
export async function recoverJournal(options: RecoverOptions): Promise<RecoveredJournal> {
  let recovered: RecoveredJournal = {
    tree: options.start ?? EMPTY_EDGE,
    checkpoint: undefined,
    newestSegmentBytes: undefined,
    lastBatch: undefined,
    tornTail: undefined,
  }
  for (const segment of options.segments) {
    const next = recovered.tree.size
    if (segment.firstIndex !== next)
      throw refusal('JOURNAL_ORDER', segment, next, `a file that starts with entry ${next}`)
    recovered = await replaySegment(segment, recovered, options)
    // Only the newest file is ever being written, so only it can be cut short by a crash.
    if (recovered.tornTail !== undefined && segment !== options.segments.at(-1)) {
      throw refusal('JOURNAL_DAMAGED', segment, recovered.tree.size, 'a committed batch, because a newer file follows')
    }
  }
  for (const { size } of options.known) {
    if (size > recovered.tree.size) {
      const place = { index: recovered.tree.size, expected: `${size} entries` }
      throw new EvidenceRefused(
        'JOURNAL_ROLLED_BACK',
        `The journal ends after ${recovered.tree.size} entries, but a checkpoint for ${size} exists: entries were lost, or an older copy was put back.`,
        place,
      )
    }
  }
  return recovered
}

async function replaySegment(
  segment: JournalSegment,
  before: RecoveredJournal,
  { origin, keys, verifier, known, published }: RecoverOptions,
): Promise<RecoveredJournal> {
  const reader = createSegmentReader(segment)
  let { tree: committed, checkpoint: newest, lastBatch } = before
  let tree = committed
  let batchStart = 0
  let offset = 0

  for (;;) {
    const frame = readFrame(await reader.from(offset))
    if (frame === undefined) break
    offset += frame.bytes
    if (frame.type === 'entry') {
      if (frame.index !== BigInt(tree.size))
        throw refusal('JOURNAL_ORDER', segment, tree.size, 'this entry', `entry ${frame.index}`)
      tree = appendLeaf(tree, leafHash(frame.entry))
      refuseUnlessExtends(known, tree, segment)
    } else {
      if (tree.size === committed.size)
        throw refusal('JOURNAL_ORDER', segment, tree.size, 'an entry', 'a second commit')
      const isVouchedFor = published !== undefined && tree.size < published.size
      const here = { origin, size: tree.size, root: edgeRoot(tree) }
      if (!isVouchedFor) refuseUnlessSigned(frame.note, here, segment, keys, verifier)
      else if (!isNoteOf(frame.note, here)) throw refusal('JOURNAL_COMMIT_INVALID', segment, tree.size, EXACT_COMMIT)
      committed = tree
      newest = new Uint8Array(frame.note)
      lastBatch = { segment, offset: batchStart, bytes: offset - batchStart }
      batchStart = offset
    }
  }

  const tailBytes = segment.size - batchStart
  if (tailBytes > 0) await refuseUnlessTorn(reader, segment, offset, tree.size)
  const tornTail = tailBytes > 0 ? { segment, offset: batchStart, bytes: tailBytes } : undefined
  return { tree: committed, checkpoint: newest, newestSegmentBytes: batchStart, lastBatch, tornTail }
}

const EXACT_COMMIT = 'a checkpoint of exactly the entries before it'

function refuseUnlessSigned(
  note: Uint8Array,
  here: Checkpoint,
  segment: JournalSegment,
  keys: readonly VerifierKey[],
  verifier: Ed25519Verifier,
): void {
  let checkpoint: Checkpoint
  try {
    checkpoint = openCheckpoint(note, here.origin, keys, verifier)
  } catch (cause) {
    const expected = 'a checkpoint signed by this log before it'
    throw refusal('JOURNAL_COMMIT_INVALID', segment, here.size, expected, undefined, cause)
  }
  if (checkpoint.size !== here.size || !bytesEqual(checkpoint.root, here.root)) {
    throw refusal('JOURNAL_COMMIT_INVALID', segment, here.size, EXACT_COMMIT)
  }
}

function refuseUnlessExtends(known: readonly Checkpoint[], tree: RightEdge, segment: JournalSegment): void {
  for (const head of known) {
    if (head.size === tree.size && !bytesEqual(head.root, edgeRoot(tree))) {
      throw refusal(
        'JOURNAL_ROLLED_BACK',
        segment,
        tree.size - 1,
        `the entries of the known checkpoint of ${head.size}`,
        'others',
      )
    }
  }
}

function refusal(
  code: 'JOURNAL_DAMAGED' | 'JOURNAL_ORDER' | 'JOURNAL_COMMIT_INVALID' | 'JOURNAL_ROLLED_BACK',
  segment: JournalSegment,
  index: number,
  expected: string,
  found?: string,
  cause?: unknown,
): EvidenceRefused {
  const message = `${segment.name}, entry ${index}: expected ${expected}${found === undefined ? '' : `, found ${found}`}.`
  return new EvidenceRefused(code, message, { cause, file: segment.name, index, expected })
}
