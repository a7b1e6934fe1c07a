/**
 * The append-only file that decisions go to first, seen as segments of bytes.
 *
 * One writer: whoever holds the journal holds the operating system lock of its folder.
 *
 * `append` adds the bytes with one write and one sync. When it resolves they survive a
 * power cut. When it rejects, nothing is known about them: the implementation refuses
 * every later append, because a kernel that failed one sync may report success for the
 * next (evidence-log §9.2). Appends are never called concurrently.
 *
 * `startSegment` makes later appends go to a new file, named for the index of its first
 * entry; the file and its folder entry are durable on return.
 */
export interface Journal {
  append(bytes: Uint8Array): Promise<void>
  startSegment(firstIndex: number): Promise<void>
  /** Releases the file and the lock. Idempotent. */
  close(): Promise<void>
}

/** One journal file, oldest first. */
export interface JournalSegment {
  /** Name for messages, relative to the log folder. */
  readonly name: string
  /** From the file name. */
  readonly firstIndex: number
  /** Bytes in the file. */
  readonly size: number
  /** Reads `length` bytes at `offset`, fewer at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** What recovery may do to a journal before it is written again. */
export interface JournalRepair {
  /** Copies everything from `offset` on to quarantine, then truncates and syncs. */
  quarantineTail(segment: JournalSegment, offset: number): Promise<void>
}
