import { sha256Base64url } from '../../core/src/lib/sha256.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'
import type { TrustRecord, TrustRecords } from '../../core/src/ports/trust-records.ts'

/** Trust records in memory. */
export interface MemoryTrustRecords extends TrustRecords {
  /** The files of the older layout, by name. */
  readonly olderFiles: Map<string, string>
  /** What is kept, by name, for tests that damage it. */
  readonly kept: Map<string, string>
  /** From now on nothing can be read or changed. */
  breakDown(): void
  repair(): void
}

export function createMemoryTrustRecords(): MemoryTrustRecords {
  const kept = new Map<string, string>()
  const olderFiles = new Map<string, string>()
  let takenOver = false
  let broken = false

  function demandWorking(): void {
    if (broken) throw new SourceUnavailable('The trust store is broken')
  }
  function checkName(name: string): void {
    if (!/^(issuers|agents)\/[0-9a-f]{64}$/.test(name)) throw new TypeError('No name of a record')
  }
  const sorted = (texts: ReadonlyMap<string, string>): TrustRecord[] =>
    [...texts].map(([name, text]) => ({ name, text })).sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    kept,
    olderFiles,
    breakDown: () => {
      broken = true
    },
    repair: () => {
      broken = false
    },
    async list() {
      demandWorking()
      const records = sorted(kept)
      const older = sorted(olderFiles)
      const version = sha256Base64url(JSON.stringify([records, older, takenOver]))
      return { version, records, olderFiles: older, takenOver, unreadable: [] }
    },
    async create(name, text) {
      demandWorking()
      checkName(name)
      if (kept.has(name)) return false
      kept.set(name, text)
      return true
    },
    async remove(name) {
      demandWorking()
      checkName(name)
      return kept.delete(name)
    },
    async markTakenOver() {
      demandWorking()
      takenOver = true
    },
  }
}
