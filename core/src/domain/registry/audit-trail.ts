import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import type { AuditEntry, RegistryStore } from '../../ports/registry-store.ts'
import { type AuditDetails, encodeAuditRecord, type RegistryEvent } from './audit-record.ts'
import { RegistryRefused } from './registry-refused.ts'

/** The registry's evidence log, as far as the registry writes it. */
export interface EvidenceAppender {
  append(leaf: Uint8Array): Promise<unknown>
  /** Anything but `open` takes no entries. */
  state(): string
}

export interface AuditTrailOptions {
  readonly store: Pick<RegistryStore, 'pendingAudit' | 'markAudited'>
  readonly evidence: EvidenceAppender
  readonly clock: Pick<Clock, 'nowMs'>
  readonly random: Pick<Random, 'uuid'>
}

/**
 * How every change gets its evidence: the change and its record are committed together, and
 * the record is in the evidence log before anybody is answered. After a crash in between,
 * the next start writes what is missing. A record may then be in the log twice, with one id;
 * it is never missing.
 */
export interface AuditTrail {
  /** @throws {RegistryRefused} evidence_unavailable, before anything is changed */
  demandWritable(): void
  /** The record of a change, to be stored with it. */
  entry(event: RegistryEvent, details: AuditDetails): AuditEntry
  /**
   * Writes every stored record that the log does not have yet. On return all those that were
   * stored before the call are durable in the log.
   *
   * @throws {RegistryRefused} evidence_unavailable; the records stay where they are
   */
  flush(): Promise<void>
}

const BATCH = 256

export function createAuditTrail({ store, evidence, clock, random }: AuditTrailOptions): AuditTrail {
  /** A pass that reads the pending records now; at most one at a time, so that order is kept. */
  let running: Promise<void> | undefined
  /** A pass that begins when that one is done; shared by all who came too late for it. */
  let following: Promise<void> | undefined

  async function pass(): Promise<void> {
    while (true) {
      const pending = await store.pendingAudit(BATCH)
      const last = pending.at(-1)
      if (last === undefined) return
      await Promise.all(pending.map(({ leaf }) => evidence.append(leaf)))
      await store.markAudited(last.sequence)
    }
  }

  function start(): Promise<void> {
    const current = pass().finally(() => {
      if (running === current) running = undefined
    })
    running = current
    return current
  }

  function joinOrStart(): Promise<void> {
    // One that is about to begin reads everything that is stored now.
    if (following !== undefined) return following
    if (running === undefined) return start()
    following = running
      .catch(() => undefined)
      .then(() => {
        following = undefined
        return start()
      })
    return following
  }

  return {
    demandWritable() {
      if (evidence.state() !== 'open') throw unavailable()
    },
    entry(event, details) {
      const id = random.uuid()
      return { id, leaf: encodeAuditRecord(event, { id, atMs: clock.nowMs() }, details) }
    },
    async flush() {
      try {
        await joinOrStart()
      } catch (cause) {
        throw unavailable({ cause })
      }
    },
  }
}

function unavailable(options?: ErrorOptions): RegistryRefused {
  return new RegistryRefused(
    'evidence_unavailable',
    'The registry cannot write its evidence log, so it changes nothing. Its operator must look at it.',
    options,
  )
}
