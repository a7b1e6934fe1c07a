/**
 * A file of the operator's, which others may change at any time.
 *
 * `read` gives the whole file with a `version` that changes whenever the file does. Given
 * the version that the caller knows, it resolves to `undefined` when that is still the
 * one. A file that is not there has a version too, and no `bytes`. Rejects with the
 * system's error when it cannot be read, or is larger than whoever made this accepts.
 */
export interface VersionedFile {
  /** For messages. */
  readonly path: string
  read(): Promise<VersionedBytes>
  read(knownVersion: string): Promise<VersionedBytes | undefined>
}

export interface VersionedBytes {
  /** Absent when there is no file. */
  readonly bytes: Uint8Array | undefined
  readonly version: string
}
