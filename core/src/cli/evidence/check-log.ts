import { resolve } from 'node:path'
import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { openCheckpoint } from '../../domain/evidence/checkpoint.ts'
import { EvidenceRefused } from '../../domain/evidence/evidence-errors.ts'
import { EMPTY_ROOT } from '../../domain/evidence/merkle.ts'
import type { VerifierKey } from '../../domain/evidence/verifier-key.ts'
import { extendsTree, readSavedCheckpoints } from './saved-checkpoints.ts'
import type { StoredLog } from './stored-logs.ts'

/** Something in a log that is not what was written. */
export interface LogFinding {
  readonly code: string
  /** Relative to the log folder. */
  readonly file?: string | undefined
  readonly index?: number | undefined
  readonly expected?: string | undefined
  readonly message?: string
}

export type CheckedLog =
  | { readonly ok: true; readonly size: number; readonly root: Uint8Array; readonly anchors: number }
  | { readonly ok: false; readonly findings: readonly LogFinding[] }

export interface CheckLogOptions {
  readonly keys: readonly VerifierKey[]
  /** Folder of saved checkpoints. */
  readonly anchors: string | undefined
  readonly onProgress: (done: number, total: number) => void
}

/** Checks a whole log, and that it extends what was saved of it. */
export async function checkLog(log: StoredLog, { keys, anchors, onProgress }: CheckLogOptions): Promise<CheckedLog> {
  const verifier = createNodeEd25519Verifier({ maxKeys: 64 })
  try {
    const reader = await log.open()
    const note = reader.checkpoint()
    const now = note && openCheckpoint(note, log.origin, keys, verifier)
    for await (const { index } of reader.entries(0, reader.size)) onProgress(index + 1, reader.size)
    const saved = anchors === undefined ? undefined : (await readSavedCheckpoints(resolve(anchors))).get(log.id)
    if (saved !== undefined) {
      const before = openCheckpoint(saved, log.origin, keys, verifier)
      if (now === undefined || !(await extendsTree(reader, before, now))) {
        const message = `The log does not extend the checkpoint of ${before.size} records that was saved.`
        throw new EvidenceRefused('JOURNAL_ROLLED_BACK', message)
      }
    }
    return { ok: true, size: reader.size, root: now?.root ?? EMPTY_ROOT, anchors: saved === undefined ? 0 : 1 }
  } catch (refused) {
    if (!(refused instanceof EvidenceRefused)) throw refused
    const { code, file, index, expected, message } = refused
    return { ok: false, findings: [{ code, file, index, expected, message }] }
  }
}
