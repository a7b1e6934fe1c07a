import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { JournalSegment } from '../../ports/journal.ts'
import type { LogFiles } from '../../ports/log-files.ts'
import type { Checkpoint } from './checkpoint.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { createFindings, type Finding, type Findings } from './findings.ts'
import { EMPTY_ROOT, edgeRoot, type RightEdge } from './merkle.ts'
import { CHECKPOINT_FILE, openCheckpointFile, readHashTile, readPublishedTree } from './published-tree.ts'
import { type RecoveredJournal, recoverJournal } from './recover-journal.ts'
import { type Anchor, refuseUnlessExtends, refuseUnlessPublishable, treeBefore } from './recover-log.ts'
import { subtreesFromTiles } from './tile-hashes.ts'
import { lastTile, rightmostTilesOf, TILE_WIDTH, tilePath } from './tile-path.ts'
import type { VerifierKey } from './verifier-key.ts'
import { verifyExtraFiles } from './verify-extra-files.ts'
import { verifyTiles } from './verify-tiles.ts'

export interface VerifyLogOptions {
  readonly files: LogFiles
  /** Paths of all files under `tile/`, in no order. */
  readonly tileFiles: () => AsyncIterable<string>
  /** What is left of the journal, oldest first; nothing for a copy of the public files alone. */
  readonly segments: readonly JournalSegment[]
  readonly origin: string
  /** The log's keys, past and present. */
  readonly keys: readonly VerifierKey[]
  readonly verifier: Ed25519Verifier
  /** Checkpoints that were kept elsewhere: the log must be an extension of each. */
  readonly anchors: readonly Anchor[]
  /** Called now and then while entries are verified. */
  readonly onProgress?: (progress: { readonly verified: number; readonly size: number }) => void
}

export type LogVerdict =
  | {
      readonly ok: true
      /** Entries under the newest signed checkpoint. */
      readonly size: number
      readonly root: Uint8Array
      /** Of those, the first whose bytes are kept; others were removed by retention and are proven by their hashes. */
      readonly firstKept: number
    }
  | { readonly ok: false; readonly findings: readonly Finding[] }

/**
 * Verifies every byte of a log (evidence-log §9.5), in bounded memory and without changing
 * anything: the signed checkpoint, every tile and bundle by recomputation, files that should
 * not be there, what is left of the journal with every signature in it, and all anchors.
 *
 * Rejects only when a medium fails.
 */
export async function verifyLog(options: VerifyLogOptions): Promise<LogVerdict> {
  const { origin, keys, verifier } = options
  const findings = createFindings()
  const note = await options.files.read(CHECKPOINT_FILE)
  const published =
    note === undefined
      ? undefined
      : await findings.from(CHECKPOINT_FILE, async () => openCheckpointFile(note, origin, keys, verifier))
  if (note !== undefined && published === undefined) return { ok: false, findings: findings.list }

  const [oldest] = options.segments
  if (note === undefined && oldest !== undefined && oldest.firstIndex > 0) {
    const expected = `a checkpoint of ${oldest.firstIndex} entries or more`
    findings.add({ code: 'FILE_MISSING', file: CHECKPOINT_FILE, index: 0, expected })
  }
  const tree = published ?? { origin, size: 0, root: EMPTY_ROOT }
  const files = await holdRightEdge(options.files, tree.size)
  const log = { ...options, files, findings }
  // The journal first: a running writer removes its files.
  const replayed = await replayJournal(log, tree)
  await verifyAnchors(log, tree)
  const { firstKept, edgeAt } = await verifyTiles({ ...log, checkpoint: tree, edgeSize: oldest?.firstIndex ?? 0 })
  // The tree that the journal goes on from was taken from tiles; those may be what is damaged.
  const again = replayed instanceof EvidenceRefused && edgeAt !== undefined
  const journal = again ? await replayJournal(log, tree, edgeAt) : replayed
  if (journal instanceof EvidenceRefused) findings.refused(oldest?.name ?? 'journal', journal)
  else if (journal !== undefined) await verifyUnpublished(log, journal)
  const journalTree = journal instanceof EvidenceRefused ? undefined : journal?.tree
  const size = journalTree?.size ?? tree.size
  await verifyExtraFiles({ ...log, publishedSize: tree.size, journalSize: size })
  if (findings.list.length > 0) return { ok: false, findings: findings.list }
  return { ok: true, size, root: journalTree === undefined ? tree.root : edgeRoot(journalTree), firstKept }
}

interface LogUnderTest extends VerifyLogOptions {
  readonly findings: Findings
}

/** A running writer removes the partial files of a size a minute after the next: they are read at once. */
async function holdRightEdge(files: LogFiles, size: number): Promise<LogFiles> {
  const held = new Map<string, Uint8Array>()
  const bundle = size === 0 ? [] : [{ kind: 'entries', ...lastTile(size) } as const]
  for (const file of [...rightmostTilesOf(size), ...bundle]) {
    const bytes = await files.read(tilePath(file))
    if (bytes !== undefined) held.set(tilePath(file), bytes)
  }
  return { read: async (path) => held.get(path) ?? files.read(path) }
}

/** Full files beyond the published size, left by an interrupted publication, are those that the journal implies. */
async function verifyUnpublished({ findings, ...log }: LogUnderTest, journal: RecoveredJournal): Promise<void> {
  const { checkpoint, tree } = journal
  if (checkpoint === undefined || findings.list.length > 0) return
  await findings.from('journal', async () => {
    const published = await readPublishedTree(log)
    await refuseUnlessPublishable({ ...log, published, head: { size: tree.size, checkpoint } })
  })
}

/** Every commit that is left, each signature of it, and that it goes on from the published tree. */
async function replayJournal(
  log: LogUnderTest,
  published: Checkpoint,
  start?: RightEdge,
): Promise<RecoveredJournal | EvidenceRefused | undefined> {
  const { segments, anchors } = log
  const [oldest] = segments
  if (oldest === undefined) return undefined
  const newer = anchors.map(({ checkpoint }) => checkpoint).filter(({ size }) => size > published.size)
  try {
    return await recoverJournal({
      ...log,
      start:
        start ?? (await treeBefore(oldest, { checkpoint: published, subtree: subtreesOf(published.size, log.files) })),
      known: published.size > 0 ? [published, ...newer] : newer,
    })
  } catch (refused) {
    if (refused instanceof EvidenceRefused) return refused
    throw refused
  }
}

async function verifyAnchors(
  { anchors, files, segments, findings }: LogUnderTest,
  published: Checkpoint,
): Promise<void> {
  const subtree = subtreesOf(published.size, files)
  for (const anchor of anchors) {
    // The replay of the journal held newer ones against its commits.
    if (segments.length > 0 && anchor.checkpoint.size > published.size) continue
    await findings.from(anchor.name, () => refuseUnlessExtends(anchor, { checkpoint: published, subtree }))
  }
}

function subtreesOf(size: number, files: LogFiles) {
  return subtreesFromTiles((level, index) => {
    const last = lastTile(Math.floor(size / TILE_WIDTH ** level))
    return readHashTile(files, { kind: 'hashes', level, index, width: index === last.index ? last.width : TILE_WIDTH })
  })
}
