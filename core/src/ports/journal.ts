/**
 * The append-only file that decisions go to first, seen as segments of bytes.
 *
 * One writer: whoever holds the journal holds the operating system lock of its folder.
 *
 * `startSegment` makes later appends go to a new file, named for the index of its first
 * entry; the file and its folder entry are durable on return. A journal without segments
 * needs one before its first append.
 *
 * `append` adds the bytes with one write and one sync. When it resolves they survive a
 * power cut.
 *
 * When either rejects, nothing is known about what was stored, and the implementation
 * refuses every later call: a kernel that failed one sync may report success for the next
 * without having stored anything (evidence-log §9.2). The two are never called while a
 * call of either is under way.
 */
export interface Journal {
  append(bytes: Uint8Array): Promise<void>
  startSegment(firstIndex: number): Promise<void>
  /** Releases the file and the lock. Idempotent. Writes nothing. */
  close(): Promise<void>
}

/** One journal file, as it was when it was listed. Listed oldest first. Readers need no lock. */
export interface JournalSegment {
  /** Name for messages, relative to the log folder. */
  readonly name: string
  /** From the file name. */
  readonly firstIndex: number
  /** Bytes in the file. */
  readonly size: number
  /** Reads `length` bytes at `offset`, fewer at the end of the file, into memory that nobody else has. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** What recovery may do to a journal before it is written again. The caller holds the lock. */
export interface JournalRepair {
  /**
   * Copies everything from `offset` on to quarantine, then cuts the segment there. Both are
   * durable on return; the copy is durable before the cut begins.
   */
  quarantineTail(segment: JournalSegment, offset: number): Promise<void>
  /**
   * Writes `length` stored bytes at `offset` again, in place, and syncs file and folder.
   *
   * What was read at start may exist in memory only: the last process was killed before
   * its sync, or its sync failed and the kernel kept the pages but marked them clean, so
   * that a sync alone would do nothing.
   */
  storeAgain(segment: JournalSegment, offset: number, length: number): Promise<void>
}
