import type { Clock } from '../../ports/clock.ts'
import type { RevocationStore } from '../../ports/revocation-store.ts'
import { ageOf, type KnownAt } from './known-at.ts'
import { PACKED_BYTES, PACKED_WORDS, packId } from './packed-id.ts'
import { createRevocationSet, type RevocationSet } from './revocation-set.ts'

/** Ids added since the last save, above which everything is written anew instead. */
const MAX_ADDED = 262_144

/** What is remembered of one issuer's revocations, and how old it is. */
export interface RevocationList {
  readonly issuer: string
  has(jti: string): boolean
  /** Whether the subject is active; `undefined` where the list says nothing about subjects. */
  isSubjectActive(did: string): boolean | undefined
  /**
   * Time since the last complete sync, in milliseconds. `undefined` before the first,
   * `Infinity` when it lies in the future.
   */
  ageMs(): number | undefined
  /** When the last complete sync was true, in milliseconds since the Unix epoch. */
  readonly syncedAtMs: number | undefined
  readonly set: RevocationSet
  /** One more id, from wherever it was learned. Moves no time: what else was revoked is not known. */
  add(jti: string): boolean
  /** Saves what was added since the last save. */
  keep(): Promise<void>
  /** Everything up to `at` is known; saves it. Never moves the time back, unless it was in the future. */
  complete(at: KnownAt & { readonly wallMs: number }): Promise<void>
  /** Puts a whole list in the place of what is known; saves it. */
  replace(
    set: RevocationSet,
    disabledSubjects: ReadonlySet<string> | undefined,
    at: KnownAt & { readonly wallMs: number },
  ): Promise<void>
  /** Forgets everything in memory: nothing is known until the next complete sync. Returns how many ids there were. */
  clear(): number
}

export interface RevocationListOptions {
  readonly issuer: string
  /** Absent means that nothing survives a restart. */
  readonly store: RevocationStore | undefined
  readonly clock: Clock
  readonly clockSkewMs: number
  readonly maxEntries: number
}

/**
 * Opens the list of an issuer with what is stored of it, as old as it is.
 *
 * @throws {StoredRevocationsDamaged} from the store
 */
export async function openRevocationList(options: RevocationListOptions): Promise<RevocationList> {
  const set = createRevocationSet(options.maxEntries)
  const stored = await options.store?.load(options.issuer, (ids) => set.addPacked(ids))
  for (const id of stored?.others ?? []) set.add(id)
  const disabled = stored?.disabledSubjects && new Set(stored.disabledSubjects)
  const known = stored?.syncedAtMs === undefined ? undefined : { wallMs: stored.syncedAtMs }
  return createRevocationList(options, set, known, disabled, stored !== undefined)
}

/** An empty list about which nothing is known. The first save replaces whatever is stored. */
export function emptyRevocationList(options: RevocationListOptions): RevocationList {
  return createRevocationList(options, createRevocationSet(options.maxEntries), undefined, undefined, false)
}

function createRevocationList(
  { issuer, store, clock, clockSkewMs, maxEntries }: RevocationListOptions,
  initial: RevocationSet,
  initiallyKnown: (KnownAt & { readonly wallMs: number }) | undefined,
  initiallyDisabled: ReadonlySet<string> | undefined,
  isStored: boolean,
): RevocationList {
  let set = initial
  let known = initiallyKnown
  let disabledSubjects = initiallyDisabled
  /** Ids since the last save; `undefined` when everything must be written anew. */
  let added: string[] | undefined = isStored ? [] : undefined

  let lastSave: Promise<unknown> = Promise.resolve()

  /** One save after the other; each stores what is known when it begins. */
  function save(): Promise<void> {
    const saved = lastSave.then(saveNow)
    lastSave = saved.catch(() => {})
    return saved
  }

  async function saveNow(): Promise<void> {
    const saving = added
    // What is added during the save waits for the next one.
    added = []
    try {
      const isSaved = await store?.save(
        issuer,
        saving === undefined ? { all: set.packed() } : { added: packAll(saving) },
        {
          syncedAtMs: known?.wallMs,
          others: [...set.others],
          ...(disabledSubjects && { disabledSubjects: [...disabledSubjects] }),
        },
      )
      if (isSaved === false) added = undefined
    } catch (error) {
      added = saving && added && [...saving, ...added]
      throw error
    }
  }

  return {
    issuer,
    has: (jti) => set.has(jti),
    isSubjectActive: (did) => (disabledSubjects === undefined ? undefined : !disabledSubjects.has(did)),
    ageMs: () => known && ageOf(known, clock, clockSkewMs),
    get syncedAtMs() {
      return known?.wallMs
    },
    get set() {
      return set
    },
    add(jti) {
      if (!set.add(jti)) return false
      if (added !== undefined && added.push(jti) > MAX_ADDED) added = undefined
      return true
    },
    async keep() {
      if (added === undefined || added.length > 0) await save()
    },
    async complete(at) {
      const inFuture = known !== undefined && ageOf(known, clock, clockSkewMs) === Number.POSITIVE_INFINITY
      known = known === undefined || inFuture || at.wallMs >= known.wallMs ? at : known
      await save()
    },
    async replace(next, disabled, at) {
      set = next
      disabledSubjects = disabled
      known = at
      added = undefined
      await save()
    },
    clear() {
      const { size } = set
      set = createRevocationSet(maxEntries)
      known = undefined
      disabledSubjects = undefined
      added = undefined
      return size
    },
  }
}

function packAll(ids: readonly string[]): Uint8Array {
  const words = new Uint32Array(PACKED_WORDS)
  const bytes = new Uint8Array(ids.length * PACKED_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const id of ids) {
    if (!packId(id, words)) continue
    for (const word of words) {
      view.setUint32(at, word)
      at += 4
    }
  }
  return bytes.subarray(0, at)
}
