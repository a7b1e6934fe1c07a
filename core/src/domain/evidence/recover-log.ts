import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { JournalSegment } from '../../ports/journal.ts'
import type { LogFiles } from '../../ports/log-files.ts'
import { bytesEqual } from './bytes-equal.ts'
import type { Checkpoint } from './checkpoint.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { EMPTY_EDGE, EMPTY_ROOT, edgeRoot, type RightEdge } from './merkle.ts'
import { verifyConsistency } from './merkle-proof.ts'
import { edgeOf, proveConsistency } from './merkle-prover.ts'
import { type PublishedTree, readPublishedTree } from './published-tree.ts'
import { type RecoveredJournal, recoverJournal } from './recover-journal.ts'
import { TILE_WIDTH, tilePath } from './tile-path.ts'
import { type CommittedHead, createTreeWriter } from './tree-writer.ts'
import type { VerifierKey } from './verifier-key.ts'

/** A checkpoint of this log that is kept outside of it. */
export interface Anchor {
  /** Where it is kept, for messages. */
  readonly name: string
  readonly checkpoint: Checkpoint
}

export interface RecoverLogOptions {
  readonly files: LogFiles
  /** What is left of the journal, oldest first. */
  readonly segments: readonly JournalSegment[]
  readonly origin: string
  /** The log's keys, past and present. */
  readonly keys: readonly VerifierKey[]
  readonly verifier: Ed25519Verifier
  /** The log must be an extension of each. */
  readonly anchors: readonly Anchor[]
}

export interface RecoveredLog extends RecoveredJournal {
  /** What is public already; absent when nothing is. */
  readonly published: PublishedTree | undefined
}

/**
 * Reads a log for writing (evidence-log §9.4, steps 2 to 7): the published tree at its right
 * edge, the journal from its first remaining entry on, and every anchor against both.
 * Changes nothing. Proves that whatever is still to be published can be.
 *
 * @throws {EvidenceRefused} what `readPublishedTree` and `recoverJournal` throw;
 *   ANCHOR_CONTRADICTED; FILE_DAMAGED when a file beyond the published size has other content
 */
export async function recoverLog(options: RecoverLogOptions): Promise<RecoveredLog> {
  const { segments, anchors } = options
  const published = await readPublishedTree(options)
  const start = await treeBefore(segments[0], published)
  for (const anchor of anchors) {
    // Newer ones are met during the replay.
    if (published !== undefined && anchor.checkpoint.size <= start.size) await refuseUnlessExtends(anchor, published)
  }
  const recovered = await recoverJournal({
    ...options,
    start,
    known: [...(published ? [published.checkpoint] : []), ...anchors.map(({ checkpoint }) => checkpoint)],
    ...(published && { published: published.checkpoint }),
  })
  // An empty newest segment follows published entries only.
  const checkpoint = recovered.checkpoint ?? (recovered.tree.size > 0 ? published?.note : undefined)
  if (checkpoint !== undefined) {
    await refuseUnlessPublishable({ ...options, published, head: { size: recovered.tree.size, checkpoint } })
  }
  return { ...recovered, checkpoint, published }
}

/**
 * Walks through the publication of everything up to a head without writing: full files that
 * an interrupted one left behind must be those that it would write.
 *
 * @throws {EvidenceRefused} FILE_DAMAGED or JOURNAL_COMMIT_INVALID
 */
export async function refuseUnlessPublishable({
  files,
  segments,
  origin,
  published,
  head,
}: Pick<RecoverLogOptions, 'files' | 'segments' | 'origin'> &
  Pick<RecoveredLog, 'published'> & { readonly head: CommittedHead }): Promise<void> {
  const dryRun = { read: files.read, write: async () => {} }
  await createTreeWriter({ origin, files: dryRun, segments: async () => segments, published }).writeUpTo(head)
}

/**
 * The tree of all entries before what is left of the journal, proven to be the beginning of
 * the published one.
 *
 * @throws {EvidenceRefused} JOURNAL_ORDER when entries in between are missing; FILE_DAMAGED
 */
export async function treeBefore(
  oldest: JournalSegment | undefined,
  published: Pick<PublishedTree, 'checkpoint' | 'subtree'> | undefined,
): Promise<RightEdge> {
  if (oldest === undefined || oldest.firstIndex === 0) return EMPTY_EDGE
  const { firstIndex } = oldest
  const newSize = published?.checkpoint.size ?? 0
  if (firstIndex > newSize || published === undefined) {
    const expected = `a file that starts with entry ${newSize} or an earlier one`
    const message = `${oldest.name}, entry ${newSize}: expected ${expected}; entries that were never published are missing. Put the file back from a copy.`
    throw new EvidenceRefused('JOURNAL_ORDER', message, { file: oldest.name, index: newSize, expected })
  }
  const edge = await edgeOf(firstIndex, published.subtree)
  const proof = await proveConsistency(firstIndex, newSize, published.subtree)
  const newRoot = published.checkpoint.root
  if (verifyConsistency({ oldSize: firstIndex, newSize, oldRoot: edgeRoot(edge), newRoot, proof })) return edge
  const file = tilePath({
    kind: 'hashes',
    level: 0,
    index: Math.floor((firstIndex - 1) / TILE_WIDTH),
    width: TILE_WIDTH,
  })
  const expected = 'hashes whose root is in the tree'
  const message = `${file} or a tile above it: expected ${expected} (entry ${firstIndex - 1}). Verify the log and compare it with a copy.`
  throw new EvidenceRefused('FILE_DAMAGED', message, { file, index: firstIndex - 1, expected })
}

/** @throws {EvidenceRefused} ANCHOR_CONTRADICTED unless the published tree is an extension of the anchor */
export async function refuseUnlessExtends(
  { name, checkpoint }: Anchor,
  published: Pick<PublishedTree, 'checkpoint' | 'subtree'>,
): Promise<void> {
  const { size: oldSize, root: oldRoot } = checkpoint
  const { size: newSize, root: newRoot } = published.checkpoint
  const extended =
    oldSize === 0
      ? bytesEqual(oldRoot, EMPTY_ROOT)
      : oldSize <= newSize &&
        verifyConsistency({
          ...{ oldSize, newSize, oldRoot, newRoot },
          proof: await proveConsistency(oldSize, newSize, published.subtree),
        })
  if (extended) return
  const expected = `an extension of the ${oldSize} entries of ${name}`
  const message = `The log of ${newSize} entries is not ${expected}: entries were changed or removed, or another copy was put back.`
  throw new EvidenceRefused('ANCHOR_CONTRADICTED', message, { file: name, index: Math.min(oldSize, newSize), expected })
}
