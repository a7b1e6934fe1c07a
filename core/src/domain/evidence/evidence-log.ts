import type { Clock } from '../../ports/clock.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { type Batch, type BatchLimits, createBatch } from './batch.ts'
import { createCheckpointSigner } from './checkpoint-signer.ts'
import { EvidenceOverloaded, EvidenceUnavailable } from './evidence-errors.ts'
import { appendLeaves } from './merkle.ts'
import { MAX_ENTRY_BYTES } from './record.ts'
import type { RecoveredJournal } from './recover-journal.ts'
import { createVerifierKey, formatVerifierKey } from './verifier-key.ts'

export interface EvidenceLogLimits extends BatchLimits {
  /** Entries that wait while a batch is being written. */
  readonly waitingEntries: number
  /** Size at which the journal goes on in a new file. */
  readonly segmentBytes: number
}

export const EVIDENCE_LOG_LIMITS: EvidenceLogLimits = {
  batchEntries: 256,
  batchBytes: 1024 * 1024,
  waitingEntries: 4096,
  segmentBytes: 64 * 1024 * 1024,
}

export interface EvidenceLogOptions {
  /** Where `recovered` was read from, its torn tail gone. The log owns it from here on. */
  readonly journal: Journal
  /** The log key. Used for nothing else. */
  readonly signer: Ed25519Signer
  /** Signs beside it while a rotation of the key is under way. */
  readonly previousSigner?: Ed25519Signer | undefined
  readonly origin: string
  readonly recovered: Pick<RecoveredJournal, 'tree' | 'newestSegmentBytes' | 'checkpoint'>
  /** Called before each signature; what it throws fails the log, and nothing is signed. */
  readonly beforeSigning?: () => void
  /**
   * Runs when everything accepted is stored or refused, before the lock is given back. Gets
   * the newest durable checkpoint. A failure is reported and loses nothing.
   */
  readonly beforeRelease?: (newest: Uint8Array | undefined) => Promise<void>
  readonly telemetry: Pick<Telemetry, 'evidenceCommitted' | 'evidenceFailed' | 'fault'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly limits?: EvidenceLogLimits
}

/**
 * `open` takes entries. `failed`: something about storage or signing went wrong; nothing is
 * taken until the process is restarted. `closing` finishes what was accepted; `closed`
 * released the journal. open -> closing -> closed; any -> failed -> closed.
 */
export type EvidenceLogState = 'open' | 'failed' | 'closing' | 'closed'

export interface EvidenceLog {
  readonly origin: string
  /** Verifier key string for auditors. */
  readonly vkey: string
  /** Entries that are durable and covered by a durable signed checkpoint. */
  readonly size: number
  /** The newest durable signed checkpoint; absent while the log is empty. */
  readonly checkpoint: Uint8Array | undefined
  state(): EvidenceLogState
  /**
   * Stores one entry. On return it survives a power cut, is covered by a signed checkpoint
   * that also does, and keeps its index for ever. The bytes are copied before this returns.
   *
   * @throws {EvidenceOverloaded} too many entries wait; nothing was stored, retry later
   * @throws {EvidenceUnavailable} the log failed or is closed; the entry may or may not be
   *   found after a restart, and must not be treated as stored
   * @throws RangeError for an empty entry or one over 65535 bytes
   */
  append(leaf: Uint8Array): Promise<{ readonly index: number }>
  /**
   * Calls back after every commit, in order, when its records are durable and their callers
   * have been answered. A listener that throws is reported and harms nobody. Returns a
   * function that ends it.
   */
  onCommit(listener: (commit: EvidenceCommit) => void): () => void
  /** Calls back once when the log fails; at once when it has failed already. */
  onFailure(listener: (cause: unknown) => void): void
  /** Something else about the log went wrong: from now on nothing is taken. */
  fail(cause: unknown): void
  /** Stores what was accepted, then releases the journal. Idempotent. */
  close(): Promise<void>
}

/** A batch of entries that became durable together. */
export interface EvidenceCommit {
  /** Index of the first leaf. */
  readonly firstIndex: number
  /** Their bytes, not to be changed. */
  readonly leaves: readonly Uint8Array[]
  /** The signed checkpoint of the tree that ends with them. */
  readonly checkpoint: Uint8Array
}

/**
 * The writer of one evidence log (evidence-log §9).
 *
 * Group commit without a timer: a batch is whatever waits when the one before it is done.
 * A lone entry is never delayed, and under load one sync serves many.
 *
 * @throws TypeError when the origin cannot name a log
 */
export function createEvidenceLog(options: EvidenceLogOptions): EvidenceLog {
  const {
    journal,
    signer,
    origin,
    recovered,
    telemetry,
    clock,
    beforeSigning,
    beforeRelease,
    limits = EVIDENCE_LOG_LIMITS,
  } = options
  const key = createVerifierKey(origin, signer.publicKey)
  const { previousSigner } = options
  const signers = [
    // The one that every verifier knows comes first.
    ...(previousSigner ? [{ key: createVerifierKey(origin, previousSigner.publicKey), signer: previousSigner }] : []),
    { key, signer },
  ]
  const checkpoints = createCheckpointSigner(signers, recovered.tree.size)

  // Touched by append, fail and close, all synchronous.
  let state: EvidenceLogState = 'open'
  let waiting: Batch[] = []
  let waitingEntries = 0
  // Nothing that was accepted is left out: either all before an entry is stored, or the log fails.
  let nextIndex = recovered.tree.size
  let failure: { readonly cause: unknown } | undefined
  const failureListeners: ((cause: unknown) => void)[] = []
  const commitListeners = new Set<(commit: EvidenceCommit) => void>()
  let closed: Promise<void> | undefined

  // Owned by the writer loop, of which there is never more than one.
  let committed = recovered.tree
  let newestCheckpoint = recovered.checkpoint
  // A journal without segments counts as full: the first batch starts one.
  let segmentBytes = recovered.newestSegmentBytes ?? Number.POSITIVE_INFINITY
  let writer: Promise<void> | undefined

  function takeBatch(): Batch | undefined {
    const batch = waiting.shift()
    waitingEntries -= batch?.leafHashes.length ?? 0
    return batch
  }

  async function commit(batch: Batch): Promise<void> {
    const startedMs = clock.monotonicMs()
    const { firstIndex, leafHashes } = batch
    const tree = appendLeaves(committed, leafHashes)

    // A crash up to here: nobody was answered, nothing was written. The signed checkpoint
    // exists in memory only, so the next process may sign another root for this size.
    beforeSigning?.()
    const checkpoint = checkpoints.sign(tree)
    const { bytes, entries: leaves } = batch.seal(checkpoint)

    if (segmentBytes > 0 && segmentBytes + bytes.length > limits.segmentBytes) {
      // A crash in here leaves no new file or an empty one. Both recover to `committed`:
      // everything before is in the older files and was synced before it was answered.
      await journal.startSegment(firstIndex)
      segmentBytes = 0
    }

    // A crash in here leaves any part of the batch. Without its commit, or with a damaged
    // frame, it is a torn tail and goes to quarantine: nobody was answered. If all of it is
    // there, recovery stores it again and keeps it: records without an answer, never the reverse.
    await journal.append(bytes)

    // Entries and signed checkpoint survive everything from here on. Only now may the
    // state move and callers hear of it.
    committed = tree
    newestCheckpoint = checkpoint
    segmentBytes += bytes.length
    batch.resolve()
    telemetry.evidenceCommitted({
      records: leaves.length,
      bytes: bytes.length,
      durationMs: clock.monotonicMs() - startedMs,
    })
    for (const listener of commitListeners)
      notify(() => listener({ firstIndex, leaves, checkpoint }), 'evidence commit')
  }

  async function writeAll(): Promise<void> {
    // What is asked in the same turn of the event loop shares the first sync.
    await Promise.resolve()
    for (let batch = takeBatch(); batch !== undefined; batch = takeBatch()) {
      try {
        await commit(batch)
      } catch (cause) {
        // Whatever happened, it is unknown what is stored, and a second try could make a
        // failed sync look good (evidence-log §9.2). Entries that were resolved stay so.
        fail(cause, [batch])
      }
    }
    // In the same turn as the last look at `waiting`: an entry that comes later starts a new loop.
    writer = undefined
  }

  function fail(cause: unknown, underWay: readonly Batch[]): void {
    const failedBefore = state === 'failed'
    state = 'failed'
    failure ??= { cause }
    const refused = [...underWay, ...waiting]
    waiting = []
    for (const batch of refused) batch.reject(unavailable('The record could not be stored.', cause))
    if (failedBefore) return
    telemetry.evidenceFailed({ cause })
    for (const listener of failureListeners) notify(() => listener(cause), 'evidence failure')
  }

  function notify(call: () => void, event: string): void {
    try {
      call()
    } catch (thrown) {
      telemetry.fault({ where: `${event} listener`, cause: thrown })
    }
  }

  async function finish(): Promise<void> {
    await writer
    try {
      await beforeRelease?.(newestCheckpoint)
    } catch (cause) {
      telemetry.fault({ where: 'closing the evidence log', cause })
    }
    try {
      await journal.close()
    } finally {
      state = 'closed'
    }
  }

  function refusalOf(leaf: Uint8Array): Error | undefined {
    if (state === 'failed') return unavailable('The evidence log failed earlier. Restart the core.', failure?.cause)
    if (state !== 'open') return unavailable('The evidence log is closed.')
    if (leaf.length === 0 || leaf.length > MAX_ENTRY_BYTES) {
      return new RangeError(`An entry has 1 to ${MAX_ENTRY_BYTES} bytes, not ${leaf.length}.`)
    }
    if (waitingEntries >= limits.waitingEntries) {
      return new EvidenceOverloaded(`${limits.waitingEntries} records wait to be stored. Try again shortly.`)
    }
    return undefined
  }

  return {
    origin,
    vkey: formatVerifierKey(key),
    get size() {
      return committed.size
    },
    get checkpoint() {
      return newestCheckpoint
    },
    state: () => state,

    append(leaf) {
      const refusal = refusalOf(leaf)
      if (refusal !== undefined) return Promise.reject(refusal)
      let batch = waiting.at(-1)
      if (!batch?.hasRoomFor(leaf)) {
        batch = createBatch(nextIndex, limits)
        waiting.push(batch)
      }
      const stored = batch.add(leaf)
      nextIndex++
      waitingEntries++
      writer ??= writeAll()
      return stored
    },

    onCommit(listener) {
      commitListeners.add(listener)
      return () => void commitListeners.delete(listener)
    },

    onFailure(listener) {
      if (failure === undefined) failureListeners.push(listener)
      else notify(() => listener(failure?.cause), 'evidence failure')
    },

    fail(cause) {
      if (state !== 'closed') fail(cause, [])
    },

    close() {
      if (state === 'open') state = 'closing'
      closed ??= finish()
      return closed
    },
  }
}

function unavailable(message: string, cause?: unknown): EvidenceUnavailable {
  return new EvidenceUnavailable(message, cause === undefined ? {} : { cause })
}
