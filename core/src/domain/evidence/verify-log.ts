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
import { isImplied, verifyExtraFiles } from './verify-extra-files.ts'
import { verifyTiles } from './verify-tiles.ts'

export interface VerifyLogOptions {
  readonly files: LogFiles
  /** Paths of all files under `tile/`, in no order. */
  readonly tileFiles: () => AsyncIterable<string>
  /** Lists what is left of the journal now, oldest first; nothing for a copy of the public files alone. */
  readonly segments: () => Promise<readonly JournalSegment[]>
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
 * A running writer goes on meanwhile. What is new it writes to the journal, then to tiles, then
 * to the checkpoint: taken in the opposite order, each implies what was taken before.
 *
 * Rejects only when a medium fails.
 */
export async function verifyLog(options: VerifyLogOptions): Promise<LogVerdict> {
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const taken = await takeLog(options).catch(() => undefined)
    if (taken?.isWhole === true) return verifyTaken(options, taken)
  }
  return verifyTaken(options, await takeLog(options))
}

/** A writer that published more removes journal files, also one that was just listed; then it is looked again. */
const ATTEMPTS = 4

/** A log as it was at one moment. */
interface TakenLog {
  /** The newest signed checkpoint; absent when nothing was published, or it is not the log's. */
  readonly head: Checkpoint | undefined
  readonly hasNote: boolean
  readonly files: LogFiles
  /** Those that the checkpoint does not imply. */
  readonly extraFiles: readonly string[]
  readonly segments: readonly JournalSegment[]
  readonly replayed: RecoveredJournal | EvidenceRefused | undefined
  readonly findings: Findings
  /** What was taken of the journal goes on from the checkpoint, or there never was any. */
  readonly isWhole: boolean
}

async function takeLog(options: VerifyLogOptions): Promise<TakenLog> {
  const { origin, keys, verifier } = options
  const findings = createFindings()
  const note = await options.files.read(CHECKPOINT_FILE)
  const head =
    note && (await findings.from(CHECKPOINT_FILE, async () => openCheckpointFile(note, origin, keys, verifier)))
  const size = head?.size ?? 0
  const files = await holdRightEdge(options.files, note, size)
  const extraFiles: string[] = []
  for await (const path of options.tileFiles()) if (!isImplied(path, size)) extraFiles.push(path)
  const segments = await options.segments()
  const taken = { head, hasNote: note !== undefined, files, extraFiles, segments, findings }
  // At once: a running writer removes its files.
  const replayed = await replayJournal({ ...options, ...taken }, head ?? emptyTree(origin))
  const isWhole = head === undefined || (segments[0]?.firstIndex ?? 0) <= size
  return { ...taken, replayed, isWhole }
}

function emptyTree(origin: string): Checkpoint {
  return { origin, size: 0, root: EMPTY_ROOT }
}

async function verifyTaken(options: VerifyLogOptions, taken: TakenLog): Promise<LogVerdict> {
  const { head, hasNote, segments, replayed, findings } = taken
  if (hasNote && head === undefined) return { ok: false, findings: findings.list }

  const [oldest] = segments
  if (!hasNote && oldest !== undefined && oldest.firstIndex > 0) {
    const expected = `a checkpoint of ${oldest.firstIndex} entries or more`
    findings.add({ code: 'FILE_MISSING', file: CHECKPOINT_FILE, index: 0, expected })
  }
  const tree = head ?? emptyTree(options.origin)
  const log = { ...options, ...taken }
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

type LogUnderTest = Omit<VerifyLogOptions, 'segments'> & Pick<TakenLog, 'files' | 'segments' | 'findings'>

/**
 * A running writer replaces the checkpoint, and removes the partial files of a size a minute
 * after the next: they are read at once.
 */
async function holdRightEdge(files: LogFiles, note: Uint8Array | undefined, size: number): Promise<LogFiles> {
  const held = new Map<string, Uint8Array>(note && [[CHECKPOINT_FILE, note]])
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
