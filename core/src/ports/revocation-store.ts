/**
 * Where what is known of issuers' revocations survives a restart, one place per issuer.
 *
 * `load` hands the stored ids to `take`, 16 bytes each, in pieces, and resolves to the
 * state that was saved with them; `undefined` when nothing was. It rejects with
 * `StoredRevocationsDamaged` when what is stored is not what was saved; ids that `take`
 * got before that are worth nothing. Damaged files are never deleted.
 *
 * `save` adds ids to those stored, or replaces them all, and the state with them. When it
 * resolves to `true` both survive a power cut; when it rejects, `load` gives what was saved
 * before. Calls for one issuer do not overlap.
 *
 * Several processes may share a place, and one of them writes. For the others, and for one
 * that has not written since another did, `save` of added ids resolves to `false` and
 * stores nothing: what they are added to is not known.
 */
export interface RevocationStore {
  load(issuer: string, take: (packedIds: Uint8Array) => void): Promise<StoredState | undefined>
  save(issuer: string, ids: SavedIds, state: StoredState): Promise<boolean>
}

export type SavedIds =
  /** Added to the ids of the last `load` or `save` by this process. */
  { readonly added: Uint8Array } | { readonly all: Iterable<Uint8Array> }

export interface StoredState {
  /** When the last complete sync was true, in milliseconds since the Unix epoch; absent before the first. */
  readonly syncedAtMs?: number | undefined
  /** Ids that are no UUID. */
  readonly others: readonly string[]
  /** DIDs of the subjects that are not active. Absent when nothing is known about any. */
  readonly disabledSubjects?: readonly string[]
}

/** What is stored is not what was saved. The message names the file. */
export class StoredRevocationsDamaged extends Error {
  override readonly name = 'StoredRevocationsDamaged'
}
