/** Why a file of the operator's is not used. Add codes, never rename one. */
export type FileRefusalCode =
  /** It cannot be read, or is larger than anything that belongs there. */
  | 'FILE_UNREADABLE'
  /** Others can read or change it. */
  | 'FILE_EXPOSED'
  /** It does not hold what it must hold. */
  | 'FILE_INVALID'

/** A file of the operator's is not used. The message names it and says what to do, and quotes nothing of it. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused'
  readonly code: FileRefusalCode
  readonly path: string

  constructor(code: FileRefusalCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.path = path
  }
}
