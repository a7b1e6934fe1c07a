import type { VersionedFile } from '../../ports/versioned-file.ts'
import type { RevocationList } from './revocation-list.ts'
import { RevocationRefused } from './revocation-refused.ts'
import { createRevocationSet } from './revocation-set.ts'
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
      const { set, disabledSubjects, syncedAtMs } = parse(file.path, read.bytes, maxEntries)
      return async () => {
        version = read.version
        await list.replace(set, disabledSubjects, { wallMs: syncedAtMs })
      }
    },
  }
}

function parse(path: string, bytes: Uint8Array, maxEntries: number) {
  try {
    const { ids, ...snapshot } = parseSnapshot(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    const set = createRevocationSet(maxEntries)
    for (const id of ids) set.add(id)
    return { set, ...snapshot }
  } catch (cause) {
    const isExpected = cause instanceof RevocationRefused || cause instanceof RangeError || cause instanceof TypeError
    if (!isExpected) throw cause
    // The decoder's TypeError says that the bytes are no text.
    throw new RevocationRefused('SNAPSHOT_MALFORMED', `${path}: ${cause.message}`, { cause })
  }
}
