import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What it costs to know ten million revocations, measured in a process of its own. */
export interface RevocationMeasurement {
  readonly entries: number
  /** From the file to the first possible lookup. */
  readonly loadSeconds: number
  /** The longest that the process could do nothing else meanwhile. */
  readonly longestPauseMs: number
  /** Memory of the ids, divided by their number. */
  readonly heldBytesEach: number
  /** Growth of the resident memory. */
  readonly residentMiB: number
  /** Lookups of ids that are in it, and of ids that are not, half each. */
  readonly lookupsPerSecond: number
  /** To add a thousand more, one by one. */
  readonly addMicrosEach: number
}

/** Writes ten million revocations under `folder`, loads them in a fresh process, and removes them. */
export async function measureRevocations(folder: string): Promise<RevocationMeasurement> {
  const place = join(folder, 'ten-million-revocations')
  const program = join(import.meta.dirname, 'revocation-process.ts')
  try {
    await promisify(execFile)(process.execPath, [program, 'write', place])
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program, 'load', place])
    return JSON.parse(stdout) as RevocationMeasurement
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}
