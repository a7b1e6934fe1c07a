import { encodeBase64url } from '../../lib/base64url.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EvidenceIndex, IndexedEntry } from '../../ports/evidence-index.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { EvidenceCommit, EvidenceLog } from './evidence-log.ts'
import type { LogReader } from './log-reader.ts'
import { leafHash } from './merkle.ts'
import { readRecordFacts } from './record-facts.ts'

/** Entries that are added to the index at once. */
const BATCH = 256

/** Committed entries that wait in memory; what does not fit is read from the log again. */
const MAX_BUFFERED = 4_096

/** An index that failed is left alone for this long. */
const RETRY_AFTER_MS = 5_000

/** The index cannot answer now. The log and its decisions are not concerned. */
export class IndexUnavailable extends Error {
  override readonly name = 'IndexUnavailable'
}

export interface IndexFollowerOptions {
  readonly log: Pick<EvidenceLog, 'origin' | 'size' | 'onCommit'>
  readonly reader: Pick<LogReader, 'entries' | 'firstKept'>
  readonly index: EvidenceIndex
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly telemetry: Pick<Telemetry, 'fault' | 'evidenceIndexed' | 'evidenceIndexRebuilt'>
}

/** Keeps an index up to date with a log that is being written. */
export interface IndexFollower {
  /**
   * Resolves when everything that is in the log now is in the index.
   *
   * @throws {IndexUnavailable} when the index failed, or is closed
   */
  caughtUp(): Promise<void>
  /** The index could not answer a question: it is made anew. */
  distrust(cause: unknown): void
  /** Stops following and closes the index. Idempotent. */
  close(): Promise<void>
}

interface Waiter {
  readonly size: number
  resolve(): void
  reject(error: IndexUnavailable): void
}

/**
 * Follows a log in the background. Decisions never wait for it: a commit only leaves its
 * entries in a bounded buffer.
 *
 * An index that is behind is brought up; one that is missing, damaged, of another log, or
 * of another history of this log is made anew from the entries.
 */
export function createIndexFollower(options: IndexFollowerOptions): IndexFollower {
  const { log, reader, index, clock, telemetry } = options
  let buffered: EvidenceCommit[] = []
  let bufferedEntries = 0
  const waiters = new Set<Waiter>()
  /** Entries that the index holds; unknown until it was compared with the log. */
  let size: number | undefined
  let failedAtMs: number | undefined
  let distrusted: { readonly cause: unknown } | undefined
  let working: Promise<void> | undefined
  let closed: Promise<void> | undefined

  const stopListening = log.onCommit((commit) => {
    buffered.push(commit)
    bufferedEntries += commit.leaves.length
    while (bufferedEntries > MAX_BUFFERED) dropOldest()
    work()
  })

  function dropOldest(): void {
    bufferedEntries -= buffered.shift()?.leaves.length ?? bufferedEntries
  }

  /** One run at a time; a failed one is tried again after a pause, when somebody asks. */
  function work(): void {
    if (working !== undefined || closed !== undefined) return
    if (failedAtMs !== undefined && clock.monotonicMs() - failedAtMs < RETRY_AFTER_MS) return
    failedAtMs = undefined
    working = (distrusted === undefined ? follow().catch(rebuildOnce) : rebuildOnce(distrusted.cause))
      .catch(fail)
      .finally(() => {
        working = undefined
        // What was committed between the last look and now.
        if (failedAtMs === undefined && !isCaughtUp()) work()
      })
  }

  function isCaughtUp(): boolean {
    return distrusted === undefined && size !== undefined && size >= log.size
  }

  async function follow(): Promise<void> {
    size ??= await comparedSize()
    settle(size)
    while (size < log.size && closed === undefined) {
      const leaves = await nextLeaves(size)
      const last = leaves.at(-1)
      if (last === undefined) throw new Error(`The log did not give entry ${size}, which it holds.`)
      const first = size
      await index.add(
        leaves.map((leaf, i) => indexed(first + i, leaf)),
        nameOf(last),
      )
      size += leaves.length
      telemetry.evidenceIndexed({ records: leaves.length, behind: log.size - size })
      settle(size)
    }
  }

  /** The size of an index that describes this log; one that does not is emptied. */
  async function comparedSize(): Promise<number> {
    const position = await index.position()
    if (position !== undefined && (await isOfThisLog(position))) return position.size
    if (position !== undefined) telemetry.evidenceIndexRebuilt({ cause: undefined })
    return startAnew()
  }

  async function startAnew(): Promise<number> {
    const first = await reader.firstKept()
    await index.reset(log.origin, first)
    return first
  }

  async function isOfThisLog(position: { origin: string; size: number; lastLeaf: string }): Promise<boolean> {
    if (position.origin !== log.origin || position.size > log.size) return false
    const first = await reader.firstKept()
    // What comes next must still be there, and what came last must be what it was.
    if (position.size <= first) return position.size === first && position.lastLeaf === ''
    for await (const { leaf } of reader.entries(position.size - 1, position.size)) {
      return nameOf(leaf) === position.lastLeaf
    }
    return false
  }

  async function nextLeaves(from: number): Promise<readonly Uint8Array[]> {
    for (let commit = buffered[0]; commit !== undefined; commit = buffered[0]) {
      const { firstIndex, leaves } = commit
      if (firstIndex > from) break
      dropOldest()
      if (firstIndex + leaves.length > from) return leaves.slice(from - firstIndex)
    }
    const to = Math.min(from + BATCH, buffered[0]?.firstIndex ?? log.size, log.size)
    const leaves: Uint8Array[] = []
    for await (const { leaf } of reader.entries(from, to)) leaves.push(leaf)
    return leaves
  }

  async function rebuildOnce(cause: unknown): Promise<void> {
    if (closed !== undefined) return
    distrusted = undefined
    size = undefined
    telemetry.evidenceIndexRebuilt({ cause })
    size = await startAnew()
    await follow()
  }

  function fail(cause: unknown): void {
    if (closed !== undefined) return
    size = undefined
    failedAtMs = clock.monotonicMs()
    telemetry.fault({ where: 'evidence index', cause })
    const error = new IndexUnavailable('The index of the evidence log failed. The log itself is not concerned.', {
      cause,
    })
    refuseAll(error)
  }

  function settle(reached: number): void {
    // Whoever waits gets what is made anew.
    if (distrusted !== undefined) return
    for (const waiter of waiters) {
      if (waiter.size > reached) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
  }

  function refuseAll(error: IndexUnavailable): void {
    for (const waiter of waiters) waiter.reject(error)
    waiters.clear()
  }

  async function finish(): Promise<void> {
    stopListening()
    refuseAll(closedError())
    buffered = []
    await working
    await index.close()
  }

  work()
  return {
    async caughtUp() {
      if (closed !== undefined) throw closedError()
      if (isCaughtUp()) return
      const settled = new Promise<void>((resolve, reject) => {
        waiters.add({ size: log.size, resolve, reject })
      })
      work()
      if (failedAtMs !== undefined) {
        refuseAll(new IndexUnavailable('The index of the evidence log failed a moment ago and is tried again soon.'))
      }
      await settled
    },
    distrust(cause) {
      distrusted ??= { cause }
      work()
    },
    close() {
      closed ??= finish()
      return closed
    },
  }
}

function closedError(): IndexUnavailable {
  return new IndexUnavailable('The index of the evidence log is closed.')
}

function indexed(index: number, leaf: Uint8Array): IndexedEntry {
  const { id, kind, tool, principal, decision, decisionId, atMs } = readRecordFacts(leaf)
  return { index, id, kind, tool, principal, decision, decisionId, atMs }
}

/** Records carry random ids: one leaf at one position stands for everything before it. */
function nameOf(leaf: Uint8Array): string {
  return encodeBase64url(leafHash(leaf))
}
