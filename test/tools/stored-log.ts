import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Anchor } from '../../core/src/domain/evidence/recover-log.ts'
import { parseVerifierKey } from '../../core/src/domain/evidence/verifier-key.ts'
import { type LogVerdict, verifyLog } from '../../core/src/domain/evidence/verify-log.ts'
import type { JournalSegment } from '../../core/src/ports/journal.ts'
import type { LogFiles } from '../../core/src/ports/log-files.ts'
import { nodeVerifier } from '../fakes/log-signer.ts'

/** A log folder in memory: bytes by path, to be changed by a test. */
export type StoredLog = Map<string, Uint8Array>

/** Reads a log folder. The lock file is left out: closing it would drop a lock of this process. */
export function readStoredLog(directory: string): StoredLog {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'lock')
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.map((path) => [path.slice(directory.length + 1), new Uint8Array(readFileSync(path))]))
}

export function storedFiles(stored: StoredLog): LogFiles {
  return { read: async (path) => stored.get(path) }
}

export function storedSegments(stored: StoredLog): readonly JournalSegment[] {
  return [...stored]
    .filter(([path]) => /^journal\/[0-9]{20}\.wal$/.test(path))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, bytes]) => ({
      name,
      firstIndex: Number(name.slice(8, 28)),
      size: bytes.length,
      read: async (offset, length) => bytes.slice(offset, offset + length),
    }))
}

export interface VerifyStoredOptions {
  readonly anchors?: readonly Anchor[]
  /** Default: the one in `log.json`. */
  readonly vkeys?: readonly string[]
}

export function verifyStored(
  stored: StoredLog,
  { anchors = [], vkeys }: VerifyStoredOptions = {},
): Promise<LogVerdict> {
  const { origin, vkey } = JSON.parse(new TextDecoder().decode(stored.get('log.json')))
  return verifyLog({
    ...{ origin, anchors },
    files: storedFiles(stored),
    async *tileFiles() {
      for (const path of stored.keys()) if (path.startsWith('tile/')) yield path
    },
    segments: async () => storedSegments(stored),
    keys: (vkeys ?? [vkey]).map(parseVerifierKey),
    verifier: nodeVerifier,
  })
}
