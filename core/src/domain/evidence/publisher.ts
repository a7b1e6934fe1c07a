import type { Clock } from '../../ports/clock.ts'
import type { JournalSegment } from '../../ports/journal.ts'
import type { PublicLogFiles } from '../../ports/log-files.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Timer } from '../../ports/timer.ts'
import type { CheckpointFile } from './checkpoint-file.ts'
import { createPartialFiles } from './partial-files.ts'
import type { PublishedTree } from './published-tree.ts'
import { type CommittedHead, createTreeWriter } from './tree-writer.ts'

export interface PublisherOptions {
  readonly origin: string
  readonly files: PublicLogFiles
  /** The journal, which holds every entry that is not published yet. */
  readonly segments: () => Promise<readonly JournalSegment[]>
  /** Removes a segment whose entries are all published. */
  readonly removeSegment: (segment: JournalSegment) => Promise<void>
  readonly checkpointFile: CheckpointFile
  /** Where the last process stopped; absent when nothing was published. */
  readonly published: PublishedTree | undefined
  /** Called after each publication, with what anybody may see now. */
  readonly onPublished: (head: CommittedHead) => void
  readonly telemetry: Pick<Telemetry, 'fault' | 'evidencePublished'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timer: Timer
}

/** How long commits are gathered before they are published together: well below the second of evidence-log §9.2. */
export const GATHER_MS = 250

/**
 * Writes what was committed as public files, in the background (evidence-log §9.2).
 *
 * idle -> gathering -> writing -> idle or gathering; any -> stopped, by `close` or by the
 * first failure, which is final: what a failed sync left on the disk is unknown.
 */
export interface Publisher {
  /** Publishes everything up to this head soon. Returns at once. */
  offer(head: CommittedHead): void
  /**
   * Publishes everything up to this head now, and returns when it is durable, or at once
   * when the publisher was stopped.
   *
   * @throws what a medium throws; {EvidenceRefused} FILE_DAMAGED when a full file exists with other content
   */
  publish(head: CommittedHead): Promise<void>
  /** Calls back once when publishing fails. */
  onFailure(listener: (cause: unknown) => void): void
  /** Publishes what was offered, then does nothing any more. Rejects when that fails. Idempotent. */
  close(): Promise<void>
  /** Does nothing any more, at once; what was offered is published by the next start. */
  abandon(): void
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { files, segments, removeSegment, checkpointFile, published, onPublished, telemetry, clock, timer } = options
  const tree = createTreeWriter(options)
  // Those of the published checkpoint, and while a publication is under way also those of the next.
  let promised = tree.partialPaths()
  const needed = (): readonly string[] => [...promised, ...tree.partialPaths()]
  const partials = createPartialFiles({ files, timer, telemetry, needed })

  // Touched by offer, close and the rounds, all on one thread.
  let offered: CommittedHead | undefined
  let publishedSize = published?.checkpoint.size ?? 0
  let stopped = false
  let cancelGathering: (() => void) | undefined
  let round: Promise<void> = Promise.resolve()
  let isWriting = false
  let closed: Promise<void> | undefined
  const failureListeners: ((cause: unknown) => void)[] = []

  async function writeAll(head: CommittedHead): Promise<void> {
    if (head.size <= publishedSize) return
    const startedMs = clock.monotonicMs()
    // A crash in here leaves files that no checkpoint promises. The next start writes the
    // same bytes again.
    await tree.writeUpTo(head)
    await files.flush()
    // Tiles and bundles are durable: only now may the checkpoint promise them.
    await checkpointFile.replace(head.checkpoint)
    const entries = head.size - publishedSize
    publishedSize = head.size
    const superseded = promised
    promised = tree.partialPaths()
    telemetry.evidencePublished({ size: head.size, entries, durationMs: clock.monotonicMs() - startedMs })
    partials.supersede(superseded)
    onPublished(head)
    await tidyJournal()
  }

  /** A segment may go when the next one starts at a published entry; the newest always stays. */
  async function tidyJournal(): Promise<void> {
    try {
      const listed = await segments()
      for (const [i, segment] of listed.entries()) {
        const following = listed[i + 1]
        if (following !== undefined && following.firstIndex <= publishedSize) await removeSegment(segment)
      }
    } catch (cause) {
      // Nothing is lost by keeping a file; the next publication tries again.
      telemetry.fault({ where: 'removing published journal files', cause })
    }
  }

  /** One at a time, in order. A failure is final, and whoever listens hears of it. */
  function enqueue(head: CommittedHead): Promise<void> {
    const next = round.then(async () => {
      if (stopped) return
      try {
        await writeAll(head)
      } catch (cause) {
        stop()
        for (const listener of failureListeners) listener(cause)
        throw cause
      }
    })
    round = next.catch(() => undefined)
    return next
  }

  function gather(): void {
    if (cancelGathering !== undefined || isWriting || stopped) return
    cancelGathering = timer.after(GATHER_MS, () => {
      cancelGathering = undefined
      void writeOffered()
    })
  }

  async function writeOffered(): Promise<void> {
    const head = offered
    if (head === undefined) return
    isWriting = true
    await enqueue(head).catch(() => undefined)
    isWriting = false
    if (offered !== head) gather()
  }

  function stop(): void {
    stopped = true
    cancelGathering?.()
    partials.stop()
  }

  async function finish(): Promise<void> {
    cancelGathering?.()
    await round
    try {
      if (!stopped && offered !== undefined) await enqueue(offered)
    } finally {
      stop()
      await partials.settled()
    }
  }

  return {
    offer(head) {
      offered = head
      gather()
    },
    publish: enqueue,
    onFailure: (listener) => void failureListeners.push(listener),
    close() {
      closed ??= finish()
      return closed
    },
    abandon: stop,
  }
}
