import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What a process did with a log. */
export interface LargeLogMeasurement {
  readonly entries: number
  /** Without the start of the process. */
  readonly seconds: number
  /** Resident memory before. */
  readonly emptyMiB: number
  /** The most resident memory that it ever had. */
  readonly mostMiB: number
}

const PROGRAM = join(import.meta.dirname, 'evidence-process.ts')

/** The same log written, opened for writing, and verified from its first entry, each by a process of its own. */
export const LARGE_LOG_CASES = ['write', 'start', 'verify'] as const

export async function measureLargeLog(
  what: (typeof LARGE_LOG_CASES)[number],
  folder: string,
  entries: number,
): Promise<LargeLogMeasurement> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, what, folder, String(entries)])
  const measurement: LargeLogMeasurement = JSON.parse(stdout)
  if (measurement.entries !== entries) throw new Error(`The log has ${measurement.entries} entries, not ${entries}.`)
  return measurement
}
