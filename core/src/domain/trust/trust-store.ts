import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { TrustRecordList, TrustRecords } from '../../ports/trust-records.ts'
import { isSameKey } from '../did/ed25519-public-key.ts'
import { readReferenceLayout, type TrustProblem } from './reference-layout.ts'
import { parseTrustRecord, toTrustRecord, trustRecordName } from './trust-record.ts'
import { TrustRefused } from './trust-refused.ts'
import { ownerOf, type TrustedAgentKey, type TrustedIssuerKey, type TrustedKey } from './trusted-key.ts'

/** The pinned keys as of one look. */
export interface TrustedKeys {
  /** Equal versions mean equal keys. */
  readonly version: string
  /** By owner, then by key id. */
  readonly issuerKeys: readonly TrustedIssuerKey[]
  readonly agentKeys: readonly TrustedAgentKey[]
  /** What is there and does not count. */
  readonly problems: readonly TrustProblem[]
}

/**
 * The trust store: public keys that the operator pinned by command or call, beside those of
 * the configuration.
 *
 * Keys of the older layout count until the first change, which takes them over; from then
 * on its files are ignored, so that a removed key does not come back.
 */
export interface TrustStore {
  /**
   * The keys now. Cheap while nothing changes.
   *
   * @throws {SourceUnavailable}
   */
  look(): Promise<TrustedKeys>
  /**
   * Pins a key. Resolves to `false` where it was pinned before.
   *
   * @throws {TrustRefused} TRUST_KEY_CONFLICT when another key has the same issuer and key
   *   id: replacing it is a decision, so it is removed first
   * @throws {SourceUnavailable}
   */
  add(key: TrustedKey): Promise<boolean>
  /**
   * Removes exactly this key. Resolves to `false` where it was not there.
   *
   * @throws {SourceUnavailable}
   */
  remove(key: TrustedKey): Promise<boolean>
  /**
   * Takes over the keys of the older layout, also such that were put there after the first
   * time. Resolves to what was there and what of it is new.
   *
   * @throws {SourceUnavailable}
   */
  takeOver(): Promise<{ readonly added: number; readonly present: number; readonly problems: readonly TrustProblem[] }>
}

/** @param nowMs the wall clock, for keys that do not say when they were added */
export function createTrustStore(records: TrustRecords, nowMs: () => number): TrustStore {
  let latest: TrustedKeys | undefined

  async function look(): Promise<TrustedKeys> {
    const list = await records.list()
    if (latest?.version !== list.version) latest = readKeys(list)
    return latest
  }

  function olderKeys({ olderFiles }: TrustRecordList) {
    return readReferenceLayout(olderFiles, { addedAtMs: nowMs(), metadata: new Map() })
  }

  async function create(key: TrustedKey): Promise<boolean> {
    const { name, text } = toTrustRecord(key)
    if (await records.create(name, text)) return true
    const kept = (await records.list()).records.find((record) => record.name === name)
    // Removed again by somebody else: whoever asks sees what is there then.
    if (kept !== undefined && !isSameKey(parseTrustRecord(kept).publicKey, key.publicKey)) throw conflict(key)
    return false
  }

  async function takeOver() {
    const { keys, problems } = olderKeys(await records.list())
    let added = 0
    const conflicts: TrustProblem[] = []
    for (const key of keys) {
      try {
        if (await create(key)) added++
      } catch (refused) {
        if (!(refused instanceof TrustRefused)) throw refused
        conflicts.push({ name: key.kid, reason: refused.message })
      }
    }
    // Last, so that a crash before it leaves every key counting, twice at worst.
    await records.markTakenOver()
    return { added, present: keys.length - added - conflicts.length, problems: [...problems, ...conflicts] }
  }

  async function beforeChange(): Promise<void> {
    if (!(await records.list()).takenOver) await takeOver()
  }

  function readKeys(list: TrustRecordList): TrustedKeys {
    const problems: TrustProblem[] = [...list.unreadable]
    const keys = new Map<string, TrustedKey>()
    for (const record of list.records) {
      try {
        keys.set(record.name, parseTrustRecord(record))
      } catch (refused) {
        if (!(refused instanceof TrustRefused)) throw refused
        problems.push({ name: record.name, reason: refused.message })
      }
    }
    if (!list.takenOver) {
      const older = olderKeys(list)
      problems.push(...older.problems)
      for (const key of older.keys) {
        const name = trustRecordName(key)
        if (!keys.has(name)) keys.set(name, key)
      }
    }
    const sorted = [...keys.values()].sort(byOwnerAndKid)
    return {
      version: list.version,
      issuerKeys: sorted.filter((key) => key.kind === 'issuer'),
      agentKeys: sorted.filter((key) => key.kind === 'agent'),
      problems,
    }
  }

  return {
    look,
    async add(key) {
      await beforeChange()
      return create(key)
    },
    async remove(key) {
      await beforeChange()
      return records.remove(trustRecordName(key))
    },
    takeOver,
  }
}

/** Stands where there is no folder for pinned keys: nothing is pinned, and nothing can be. */
export const noTrustStore: TrustStore = {
  look: async () => ({ version: '', issuerKeys: [], agentKeys: [], problems: [] }),
  add: async () => notThere(),
  remove: async () => notThere(),
  takeOver: async () => notThere(),
}

function notThere(): never {
  throw new SourceUnavailable('There is no trust store: set CAPISCIO_TRUST_PATH, trust.storePath or HOME')
}

function conflict(key: TrustedKey): TrustRefused {
  return new TrustRefused(
    'TRUST_KEY_CONFLICT',
    `Another key is pinned for ${ownerOf(key)} under the same key id: remove that one first`,
  )
}

function byOwnerAndKid(a: TrustedKey, b: TrustedKey): number {
  return compare(ownerOf(a), ownerOf(b)) || compare(a.kid, b.kid)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
