import type { RevocationStore, SavedIds, StoredState } from '../../core/src/ports/revocation-store.ts'

/** What was saved, in memory. */
export interface MemoryRevocationStore extends RevocationStore {
  /** How each save was: `added N` or `all N`, N ids. */
  readonly saves: readonly string[]
  /** The next save fails with this. */
  failure: Error | undefined
}

export function createMemoryRevocationStore(): MemoryRevocationStore {
  const places = new Map<string, { readonly ids: readonly Uint8Array[]; readonly state: StoredState }>()
  const saves: string[] = []
  const store: MemoryRevocationStore = {
    saves,
    failure: undefined,
    async load(issuer, take) {
      const place = places.get(issuer)
      for (const ids of place?.ids ?? []) take(ids)
      return place?.state
    },
    async save(issuer, ids, state) {
      const pieces = piecesOf(ids)
      await Promise.resolve()
      const { failure } = store
      store.failure = undefined
      if (failure !== undefined) throw failure
      const before = 'added' in ids ? (places.get(issuer)?.ids ?? []) : []
      places.set(issuer, { ids: [...before, ...pieces], state })
      saves.push(`${'added' in ids ? 'added' : 'all'} ${pieces.reduce((sum, { length }) => sum + length / 16, 0)}`)
      return true
    },
  }
  return store
}

function piecesOf(ids: SavedIds): readonly Uint8Array[] {
  return 'added' in ids ? [ids.added.slice()] : [...ids.all].map((piece) => piece.slice())
}
