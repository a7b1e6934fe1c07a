import type { VersionedFile } from '../../ports/versioned-file.ts'
import type { RevocationList } from './revocation-list.ts'
import { RevocationRefused } from './revocation-refused.ts'
import { createRevocationSet, type RevocationSet } from './revocation-set.ts'
import { parseSnapshot } from './snapshot.ts'

export interface SnapshotReader {
  /**
   * Reads the file if it changed. Resolves to what puts it in the place of what the list
   * knows.
   *
   * @throws {RevocationRefused} SNAPSHOT_MALFORMED; the list stays as it is
   */
  prepare(): Promise<() => Promise<void>>
}

/** Follows a snapshot file. What it says replaces the list whole: it is all that its maker knew. */
export function createSnapshotReader(file: VersionedFile, list: RevocationList, maxEntries: number): SnapshotReader {
  let version = ''
  return {
    async prepare() {
      const read = await file.read(version)
      if (read === undefined) return async () => {}
      if (read.bytes === undefined) {
        throw new RevocationRefused('SNAPSHOT_MALFORMED', `The snapshot ${file.path} is not there: bring it`)
      }
      const { ids, disabledSubjects, syncedAtMs } = parseSnapshot(textOf(read.bytes))
      const set = setOf(ids, maxEntries)
      return async () => {
        version = read.version
        await list.replace(set, disabledSubjects, { wallMs: syncedAtMs })
      }
    },
  }
}

function setOf(ids: readonly string[], maxEntries: number): RevocationSet {
  const set = createRevocationSet(maxEntries)
  try {
    for (const id of ids) set.add(id)
    return set
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new RevocationRefused('SNAPSHOT_MALFORMED', cause.message, { cause })
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new RevocationRefused('SNAPSHOT_MALFORMED', 'The snapshot of revocations is no UTF-8 text', { cause })
  }
}
