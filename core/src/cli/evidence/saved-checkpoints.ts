import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../adapters/evidence/error-code.ts'
import type { Checkpoint } from '../../domain/evidence/checkpoint.ts'
import { verifyConsistency } from '../../domain/evidence/merkle-proof.ts'
import type { EvidenceReader } from '../../ports/evidence-reader.ts'
import { CommandRefused } from './refused.ts'

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

/** Whether the log, at its checkpoint `now`, still begins with everything that was in it at `before`. */
export async function extendsTree(reader: EvidenceReader, before: Checkpoint, now: Checkpoint): Promise<boolean> {
  if (before.size > now.size) return false
  const proof = await reader.consistencyProof(before.size, now.size)
  const sizes = { oldSize: before.size, newSize: now.size }
  return verifyConsistency({ ...sizes, oldRoot: before.root, newRoot: now.root, proof })
}
