import { writeFileSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { acquireDirectoryLock } from '../../adapters/evidence/directory-lock.ts'
import { StartRefused } from '../../start-refused.ts'
import type { BoundAddresses } from '../../transport/listeners.ts'

/** The one process that may use a development folder. */
export interface DevHolder {
  /** Leaves word of where this process listens, for whoever finds the folder taken. */
  tell(addresses: BoundAddresses, registryUrl: string): void
  release(): void
}

/**
 * Takes a development folder for this process.
 *
 * @throws {StartRefused} when it cannot be made, or naming the process that holds it and where that one listens
 */
export async function holdDevFolder(path: string): Promise<DevHolder> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw new StartRefused(`${path} cannot be the folder: ${cause.message}. Choose another one with --dir.`, { cause })
  })
  const note = join(path, 'dev.json')
  const lock = acquireDirectoryLock(join(path, 'lock'))
  if (lock === undefined) {
    const text = await readFile(note, 'utf8').catch(() => '{}')
    const { pid, addresses } = JSON.parse(text) as { pid?: number; addresses?: BoundAddresses }
    const where = addresses?.tcp === undefined ? '' : `, listening on ${addresses.tcp}`
    throw new StartRefused(
      `${path} is held by process ${pid ?? 'unknown'}${where}: use that one, stop it, or choose another folder with --dir.`,
    )
  }
  return {
    tell: (addresses, registry) =>
      writeFileSync(note, `${JSON.stringify({ pid: process.pid, addresses, registry })}\n`, { mode: 0o600 }),
    release: () => lock.release(),
  }
}
