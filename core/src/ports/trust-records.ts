/**
 * Where pinned public keys are kept: small named texts, each made and removed whole, by
 * any number of processes at the same time.
 *
 * Names are `issuers/` or `agents/` and 64 hexadecimal digits. When `create` or `remove`
 * resolves, the change survives a power cut; when it rejects, it may or may not have
 * happened, and doing it again is safe. Nobody ever reads half a text.
 *
 * `list` is cheap while nothing changes and resolves to all texts, untrusted until parsed.
 * It rejects with `SourceUnavailable` when the place cannot be read, or when somebody else
 * could have written there; a place that does not exist is empty.
 */
export interface TrustRecords {
  list(): Promise<TrustRecordList>
  /** Keeps a text under a free name. Resolves to `false`, changing nothing, where the name is taken. */
  create(name: string, text: string): Promise<boolean>
  /** Resolves to `false` where there is no such text. */
  remove(name: string): Promise<boolean>
  /** From now on `list` says that the files of the older layout were taken over. Idempotent. */
  markTakenOver(): Promise<void>
}

export interface TrustRecordList {
  /** Equal versions mean equal lists. */
  readonly version: string
  /** In the order of their names. */
  readonly records: readonly TrustRecord[]
  /** Files of the layout that earlier tools wrote: `issuers.json` and `*.jwk`. Never changed. */
  readonly olderFiles: readonly TrustRecord[]
  /** Whether the keys of those files were taken over, so that they count no more. */
  readonly takenOver: boolean
  /** Texts that are there and were not read, each with the reason. */
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[]
}

export interface TrustRecord {
  readonly name: string
  readonly text: string
}
