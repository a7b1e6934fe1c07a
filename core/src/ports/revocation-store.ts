/**
 * Where what is known of issuers' revocations survives a restart, one place per issuer.
 *
 * `load` hands the stored ids to `take`, 16 bytes each, in pieces, and resolves to the
 * state that was saved with them; `undefined` when nothing was. It rejects with
 * `StoredRevocationsDamaged` when what is stored is not what was saved; ids that `take`
 * got before that are worth nothing. Damaged files are never deleted.
 *
 * `save` adds ids to those stored, or replaces them all, and the state with them. When it
 * resolves both survive a power cut; when it does not, `load` gives what was saved
 * before. Calls for one issuer do not overlap. Several processes may share a place: each
 * `load` then gives what one of them saved.
 */
export interface RevocationStore {
  load(issuer: string, take: (packedIds: Uint8Array) => void): Promise<StoredState | undefined>
  save(issuer: string, ids: SavedIds, state: StoredState): Promise<void>
}

export type SavedIds =
  /** Added to the ids of the last `load` or `save` by this process, in this order. */
  { readonly added: Uint8Array } | { readonly all: Iterable<Uint8Array> }

export interface StoredState {
  /** When the last complete sync was true, in milliseconds since the Unix epoch. */
  readonly syncedAtMs: number
  /** Ids that are no UUID. */
  readonly others: readonly string[]
  /** DIDs of the subjects that are not active. Absent when nothing is known about any. */
  readonly disabledSubjects?: readonly string[]
}

/** What is stored is not what was saved. The message names the file. */
export class StoredRevocationsDamaged extends Error {
  override readonly name = 'StoredRevocationsDamaged'
}
