/** Why something about revocations was refused. Visible in answers and logs: add codes, never rename one. */
export type RevocationRefusalCode =
  /** An issuer's list, or a page of it, is not what a list must be. */
  | 'LIST_MALFORMED'
  /** A list has more pages or entries than are taken. */
  | 'LIST_TOO_LARGE'
  /** A snapshot file is not what it must be. */
  | 'SNAPSHOT_MALFORMED'
  /** The file of local revocations has a line that is not what it must be. */
  | 'LOCAL_FILE_MALFORMED'
  /** Something to revoke is neither the id of a badge nor a DID, or too long. */
  | 'ENTRY_INVALID'

/** A list, a file or an entry that does not count. The message says which, where and why. */
export class RevocationRefused extends Error {
  override readonly name = 'RevocationRefused'
  readonly code: RevocationRefusalCode

  constructor(code: RevocationRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
