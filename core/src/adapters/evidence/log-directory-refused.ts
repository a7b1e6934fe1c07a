/** Why a log folder was not opened. Visible in exit messages: add codes, never rename one. */
export type LogDirectoryRefusalCode =
  /** Another process writes this log. */
  | 'LOG_LOCKED'
  /** A folder cannot be written, or is not a folder. */
  | 'LOG_UNWRITABLE'
  /** A folder or key belongs to another user. */
  | 'LOG_WRONG_OWNER'
  /** Others may write a folder, or read a key. */
  | 'LOG_WRONG_MODE'
  /** The folder holds something that is not a log. */
  | 'LOG_NOT_A_LOG'
  /** There is a journal without `log.json`, or `log.json` cannot be read. */
  | 'LOG_DESCRIPTOR_MALFORMED'
  /** A newer version of this program wrote the log or its key. */
  | 'LOG_FORMAT_NEWER'
  /** The state folder does not hold the signing key of this log. */
  | 'LOG_KEY_MISSING'
  /** The key file cannot be read. */
  | 'LOG_KEY_MALFORMED'
  /** A rotation of the log key is under way and must end before the next. */
  | 'LOG_KEY_ROTATING'
  /** The remembered checkpoint cannot be read. */
  | 'LOG_HEAD_MALFORMED'
  /** The folder held a log before and is missing or empty now. */
  | 'LOG_EMPTIED'
  /** The folder holds another log than before. */
  | 'LOG_REPLACED'
  /** Two folders hold the same log. */
  | 'LOG_COPIED'
  /** The state folder, which holds signing keys, lies inside the evidence. */
  | 'STATE_INSIDE_EVIDENCE'

/** A log folder is not as it must be. Nothing in it was changed. The message says what to do. */
export class LogDirectoryRefused extends Error {
  override readonly name = 'LogDirectoryRefused'
  readonly code: LogDirectoryRefusalCode
  /** Absolute path of what was refused. */
  readonly path: string

  constructor(code: LogDirectoryRefusalCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.path = path
  }
}

/**
 * What the system said no to, in words for whoever started the core: a full disk, a read-only
 * mount, a foreign file system. Every other error as it is.
 *
 * @param path of the evidence that was opened
 */
export function refusedBySystem(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error
  const message = `The evidence ${path} cannot be used: ${error.message}. Give it a folder that this user can write, with free space.`
  return new LogDirectoryRefused('LOG_UNWRITABLE', path, message, { cause: error })
}

/** A write that stored less than it was given, which is how a disk that gets full begins to say so. */
export function shortWrite(path: string, written: number, expected: number): NodeJS.ErrnoException {
  const message = `${path} took ${written} of ${expected} bytes, as a full disk does`
  return Object.assign(new Error(message), { code: 'ENOSPC', syscall: 'write' })
}
