/**
 * The public files of one log: its checkpoint, tiles and bundles, by their path relative
 * to the log folder, with `/` on every system.
 *
 * Reading needs no lock and changes nothing. Bytes may be anything: whoever can write the
 * folder chose them. A file that is replaced while it is read gives the old bytes or the
 * new ones, whole.
 */
export interface LogFiles {
  /** The bytes of a file; `undefined` when there is none. Rejects when the medium fails. */
  read(path: string): Promise<Uint8Array | undefined>
}

/**
 * The same files to the one process that writes them, which holds the lock of the folder.
 *
 * `write` creates or replaces a file: from then on, and after every crash, its path leads to
 * the old bytes or to all of the new ones. What was written is durable when `flush`
 * resolves. `remove` may be undone by a crash.
 *
 * When `write` or `flush` rejects, nothing is known about what was stored and nothing may be
 * written any more: a sync that failed once may report success the next time (evidence-log §9.2).
 */
export interface PublicLogFiles extends LogFiles {
  write(path: string, bytes: Uint8Array): Promise<void>
  flush(): Promise<void>
  /** Removes a file, and its folder when that held partial files and is empty now. */
  remove(path: string): Promise<void>
  /**
   * Paths of all partial tiles and bundles, in no order, also while others are written. Removes on
   * its way what interrupted writes of earlier processes left behind.
   */
  partialFiles(): AsyncIterable<string>
  /** Changes whenever somebody writes or replaces the file; absent when there is none. Cheap and synchronous. */
  fingerprint(path: string): string | undefined
}
