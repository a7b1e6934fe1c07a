import type { EvidenceIndex, IndexedEntry, IndexFilter, IndexPosition } from '../../core/src/ports/evidence-index.ts'

/** What an index keeps, which outlives the index. */
export interface MemoryIndexState {
  position: IndexPosition | undefined
  entries: IndexedEntry[]
}

/** An index in memory. Tests may look into it, damage it, and make its calls fail. */
export interface MemoryEvidenceIndex extends EvidenceIndex {
  readonly state: MemoryIndexState
  /** Methods that reject while they are in here. */
  readonly failing: Set<keyof EvidenceIndex>
}

export function createMemoryEvidenceIndex(
  state: MemoryIndexState = { position: undefined, entries: [] },
): MemoryEvidenceIndex {
  const failing = new Set<keyof EvidenceIndex>()
  let closed = false
  const step = async <T>(method: keyof EvidenceIndex, work: () => T): Promise<T> => {
    if (closed) throw new Error('closed')
    if (failing.has(method)) throw new Error(`${method} fails`)
    return work()
  }
  return {
    state,
    failing,
    position: () => step('position', () => state.position),
    reset: (origin, size) =>
      step('reset', () => {
        state.entries = []
        state.position = { origin, size, lastLeaf: '' }
      }),
    add: (entries, lastLeaf) =>
      step('add', () => {
        const { position } = state
        entries.forEach(({ index }, i) => {
          if (position === undefined || index !== position.size + i) throw new Error(`gap before ${index}`)
        })
        if (position === undefined) throw new Error('new')
        state.entries.push(...entries)
        state.position = { ...position, size: position.size + entries.length, lastLeaf }
      }),
    find: (id) => step('find', () => state.entries.filter((entry) => entry.id === id).map(({ index }) => index)),
    search: (filter, before, limit) =>
      step('search', () =>
        state.entries
          .filter((entry) => entry.index < before && isAskedFor(entry, filter))
          .map(({ index }) => index)
          .reverse()
          .slice(0, limit),
      ),
    async close() {
      closed = true
    },
  }
}

function isAskedFor(entry: IndexedEntry, { sinceMs, untilMs, ...exact }: IndexFilter): boolean {
  if (sinceMs !== undefined && entry.atMs < sinceMs) return false
  if (untilMs !== undefined && entry.atMs >= untilMs) return false
  return Object.entries(exact).every(
    ([name, value]) => value === undefined || entry[name as keyof typeof exact] === value,
  )
}
