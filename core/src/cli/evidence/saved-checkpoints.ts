import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../adapters/evidence/error-code.ts'
import { bytesEqual } from '../../domain/evidence/bytes-equal.ts'
import type { Checkpoint } from '../../domain/evidence/checkpoint.ts'
import { EvidenceRefused } from '../../domain/evidence/evidence-errors.ts'
import { EMPTY_ROOT } from '../../domain/evidence/merkle.ts'
import { verifyConsistency } from '../../domain/evidence/merkle-proof.ts'
import type { EvidenceReader } from '../../ports/evidence-reader.ts'
import type { CliIo } from '../print.ts'
import { CommandRefused } from './refused.ts'
import { findLogs, type StoredLog, type WhereFlags } from './stored-logs.ts'

/** Name of the file that remembers a checkpoint of the log with this id. */
export function checkpointFile(id: string): string {
  return `${id}.checkpoint`
}

/**
 * The signed notes in a folder that `evidence anchor --save` fills, by the id of their log.
 * Unverified. Empty when there is no such folder.
 *
 * @throws {CommandRefused} when it cannot be read
 */
export async function readSavedCheckpoints(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return []
    throw new CommandRefused(`${folder} cannot be read: ${(error as Error).message}`, { cause: error })
  })
  const saved = new Map<string, Uint8Array>()
  for (const name of names) {
    const [, id] = /^([0-9a-f]{16})\.checkpoint$/.exec(name) ?? []
    if (id !== undefined) saved.set(id, await readFile(join(folder, name)))
  }
  return saved
}

/**
 * The logs that the flags mean, each of which may have a checkpoint among the saved ones. A
 * log that was there once and is gone is what an anchor is for: only --log leaves others out.
 *
 * @param folder where they are saved
 * @throws {EvidenceRefused} when a saved checkpoint is of a log that is not there
 * @throws {CommandRefused} when there is no log, and none is expected
 */
export async function findSavedLogs(
  saved: ReadonlyMap<string, Uint8Array>,
  folder: string | undefined,
  flags: WhereFlags,
  io: CliIo,
): Promise<readonly StoredLog[]> {
  const expected = flags.log === undefined ? [...saved.keys()] : []
  const logs = await findLogs(flags, io).catch((refused: unknown) => {
    if (refused instanceof CommandRefused && expected.length > 0) return []
    throw refused
  })
  const gone = expected.find((id) => !logs.some((log) => log.id === id))
  if (gone === undefined) return logs
  const message = `${join(folder ?? '', checkpointFile(gone))} is of a log that is not here any more: it was removed, or replaced.`
  throw new EvidenceRefused('JOURNAL_ROLLED_BACK', message, { expected: `the log ${gone}` })
}

/**
 * Whether the log still begins with everything that was in it at `before`.
 *
 * @param now its checkpoint; absent while it is empty
 */
export async function extendsTree(
  reader: EvidenceReader,
  before: Checkpoint,
  now: Checkpoint | undefined,
): Promise<boolean> {
  // Every log extends the empty one, and no proof is needed (evidence-log §7).
  if (before.size === 0) return bytesEqual(before.root, EMPTY_ROOT)
  if (now === undefined || before.size > now.size) return false
  const proof = await reader.consistencyProof(before.size, now.size)
  const sizes = { oldSize: before.size, newSize: now.size }
  return verifyConsistency({ ...sizes, oldRoot: before.root, newRoot: now.root, proof })
}
