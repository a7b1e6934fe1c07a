import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectoryDurably, writeFileDurably } from '../files/durable-write.ts'
import { errorCode } from './error-code.ts'

/** A checkpoint that is kept outside the log; `undefined` when there is no file. Unverified. */
export async function readAnchor(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Keeps a checkpoint there, in the place of the one before. Durable on return. */
export async function writeAnchor(path: string, checkpoint: Uint8Array): Promise<void> {
  await makeDirectoryDurably(dirname(path))
  await writeFileDurably(path, checkpoint)
}
