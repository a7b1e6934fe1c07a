import type { PublicLogFiles } from '../../ports/log-files.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { CHECKPOINT_FILE } from './published-tree.ts'

/** The published checkpoint, as the one process that may replace it sees it. */
export interface CheckpointFile {
  /**
   * Replaces the published checkpoint; durable on return. The files that it implies are durable already.
   *
   * @throws {EvidenceRefused} CHECKPOINT_REPLACED, as below
   */
  replace(note: Uint8Array): Promise<void>
  /**
   * Looks whether the file is still the one that this process found at start or wrote last.
   * Another one means another writer, and two writers sign two roots for one size
   * (evidence-log §9.2). Cheap: it is asked before every signature.
   *
   * @throws {EvidenceRefused} CHECKPOINT_REPLACED
   */
  refuseOther(): void
}

/** @param files of the log; the file `checkpoint` is as recovery found it */
export function createCheckpointFile(files: Pick<PublicLogFiles, 'write' | 'flush' | 'fingerprint'>): CheckpointFile {
  let own = files.fingerprint(CHECKPOINT_FILE)
  // While the file is being replaced either print may be seen, and only this process knows which.
  let replacing = false

  function refuseOther(): void {
    if (replacing || files.fingerprint(CHECKPOINT_FILE) === own) return
    const message = `The file ${CHECKPOINT_FILE} is not the one that this process wrote. Somebody else writes the log: stop them, compare it with a copy and restart.`
    throw new EvidenceRefused('CHECKPOINT_REPLACED', message, { file: CHECKPOINT_FILE })
  }

  return {
    refuseOther,
    async replace(note) {
      refuseOther()
      replacing = true
      await files.write(CHECKPOINT_FILE, note)
      own = files.fingerprint(CHECKPOINT_FILE)
      replacing = false
      await files.flush()
    },
  }
}
