/** What is kept of one entry of the log, to find it again. A fact that is not there is empty. */
export interface IndexedEntry {
  /** Position in the log. */
  readonly index: number
  readonly id: string
  readonly kind: string
  readonly tool: string
  readonly principal: string
  readonly decision: string
  /** Of an outcome: the decision that it belongs to. */
  readonly decisionId: string
  readonly atMs: number
}

/** Which entries. What is there must match exactly; what is absent matches everything. */
export interface IndexFilter {
  readonly kind?: string
  readonly tool?: string
  readonly principal?: string
  readonly decision?: string
  readonly decisionId?: string
  /** Inclusive, milliseconds since the Unix epoch. */
  readonly sinceMs?: number
  /** Exclusive. */
  readonly untilMs?: number
}

/** How far an index has followed which log. */
export interface IndexPosition {
  readonly origin: string
  /** Entries up to, not including, this one are in the index, as far as the log had them. */
  readonly size: number
  /** Names the last of them, so that another history of the same length is noticed. Empty after a reset. */
  readonly lastLeaf: string
}

/**
 * A derived, rebuildable way to find entries of one log. The log is the truth: whoever uses
 * an index looks at the entry that it names.
 *
 * Calls are served in order, one at a time. `add` stores entries and position together or
 * not at all; a crash may lose the newest additions and never leaves a position ahead of
 * its entries. A rejection means that the index cannot be used as it is: `reset` it and add
 * everything again.
 */
export interface EvidenceIndex {
  /** Where it is; `undefined` when it is new. */
  position(): Promise<IndexPosition | undefined>
  /**
   * Forgets everything, also what was damaged, and starts to follow `origin` from entry
   * `size` on: 0, or the first whose bytes the log still has.
   */
  reset(origin: string, size: number): Promise<void>
  /**
   * Takes the next entries, in order and without a gap.
   *
   * @param lastLeaf names the last of them
   */
  add(entries: readonly IndexedEntry[], lastLeaf: string): Promise<void>
  /** Positions of all entries with this id, oldest first. */
  find(id: string): Promise<readonly number[]>
  /** Positions of matching entries below `before`, newest first, at most `limit`. */
  search(filter: IndexFilter, before: number, limit: number): Promise<readonly number[]>
  /** Ends its use. Idempotent; other calls reject afterwards. */
  close(): Promise<void>
}
