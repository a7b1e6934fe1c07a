/** Why evidence was refused. Visible in exit messages and logs: add codes, never rename one. */
export type EvidenceRefusalCode =
  /** A journal frame is damaged and valid ones follow it. */
  | 'JOURNAL_DAMAGED'
  /** Frames or files are not in the order of their indices. */
  | 'JOURNAL_ORDER'
  /** A commit does not carry a valid checkpoint for the entries before it. */
  | 'JOURNAL_COMMIT_INVALID'
  /** The journal ends before, or contradicts, a tree head that is known to have existed. */
  | 'JOURNAL_ROLLED_BACK'
  /** Not a signed note, or one that breaks a reading rule. */
  | 'NOTE_MALFORMED'
  /** A known key's signature does not verify, or is there twice. */
  | 'NOTE_SIGNATURE_INVALID'
  /** No known key signed. */
  | 'NOTE_UNSIGNED'
  /** A correctly signed text that is not a checkpoint. */
  | 'CHECKPOINT_MALFORMED'
  /** A witness whose opinion was asked for has not signed. */
  | 'CHECKPOINT_NOT_COSIGNED'
  /** A witness whose key is that of the log, or of another witness. */
  | 'WITNESS_NOT_INDEPENDENT'
  /** A checkpoint of another log. */
  | 'CHECKPOINT_ORIGIN'
  /** A receipt that is not one. */
  | 'RECEIPT_MALFORMED'
  /** The entry is not in the tree that the receipt names. */
  | 'RECEIPT_NOT_INCLUDED'
  /** A tile, bundle or checkpoint that the published size implies is not there. */
  | 'FILE_MISSING'
  /** A tile or bundle has other content than the tree says. */
  | 'FILE_DAMAGED'
  /** A file that no tree of this log has, or that contradicts it. */
  | 'FILE_UNEXPECTED'
  /** Somebody else than the writer replaced the published checkpoint. */
  | 'CHECKPOINT_REPLACED'
  /** The log is not an extension of a checkpoint that is kept elsewhere. */
  | 'ANCHOR_CONTRADICTED'
  /** A checkpoint that the operator keeps elsewhere is not there. */
  | 'ANCHOR_MISSING'
  /** An entry is not a record: no JSON object in UTF-8. */
  | 'ENTRY_NOT_A_RECORD'
  /** Not a verifier key string. */
  | 'VKEY_MALFORMED'
  /** The stored signing key is not the one that the log names. */
  | 'LOG_KEY_MISMATCH'

/** Where in a log something was found. */
export interface EvidencePlace {
  /** Relative to the log folder. */
  readonly file?: string
  /** Index of the entry concerned. */
  readonly index?: number
  /** What should have been there. */
  readonly expected?: string
}

/** Stored evidence, or a text about it, is not what it must be. Continuing is for a person to decide. */
export class EvidenceRefused extends Error {
  override readonly name = 'EvidenceRefused'
  readonly code: EvidenceRefusalCode
  readonly file: string | undefined
  readonly index: number | undefined
  readonly expected: string | undefined

  constructor(code: EvidenceRefusalCode, message: string, options: ErrorOptions & EvidencePlace = {}) {
    super(message, options)
    this.code = code
    this.file = options.file
    this.index = options.index
    this.expected = options.expected
  }
}

/** Too many records wait to be written. Nothing was stored; the caller may retry after a pause. */
export class EvidenceOverloaded extends Error {
  override readonly name = 'EvidenceOverloaded'
}

/** The log takes no records any more. Final for this process; a restart recovers. */
export class EvidenceUnavailable extends Error {
  override readonly name = 'EvidenceUnavailable'
}
