import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'
import type { BenchRun } from './bench-run.ts'
import type { McpCallsSummary } from './mcp-calls.ts'
import type { Pinning } from './pinning.ts'
import type { CpuClock } from './process-usage.ts'

/** Grows when the meaning of a field changes; other versions are not compared. */
export const SAVED_RUN_VERSION = 1

/** Where and how it was measured. */
export interface Machine {
  readonly processor: string
  readonly processors: number
  readonly system: string
  readonly node: string
  /** One-minute load average before the run. Above 0.5, somebody else was at work. */
  readonly loadBefore: number
  readonly pinning: Pinning | 'not pinned'
  readonly cpuClock: CpuClock
}

/** One run as it is kept. */
export interface SavedRun extends BenchRun {
  readonly version: typeof SAVED_RUN_VERSION
  readonly startedAt: string
  /** Short commit id, with `+` when files had been changed; empty outside a checkout. */
  readonly commit: string
  readonly rounds: number
  readonly sliceMs: number
  readonly machine: Machine
  /** What guarded MCP calls cost; absent when left out, and in all but the last of repeated runs. */
  readonly mcpCalls?: readonly McpCallsSummary[]
}

export function describeMachine(pinning: Pinning | undefined, cpuClock: CpuClock): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    system: `${process.platform} ${release()}`,
    node: process.version,
    loadBefore: loadavg()[0] ?? 0,
    pinning: pinning ?? 'not pinned',
    cpuClock,
  }
}

export function currentCommit(): string {
  const git = (...args: string[]): string =>
    spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).stdout?.trim() ?? ''
  const commit = git('rev-parse', '--short', 'HEAD')
  return commit === '' || git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`
}

/** Resolves to the path of the file. */
export async function saveRun(folder: string, run: SavedRun): Promise<string> {
  const path = join(folder, `${run.startedAt.replaceAll(':', '-')}.json`)
  await writeFile(path, `${JSON.stringify(run, null, 2)}\n`)
  return path
}

/** @throws {TypeError} for a file that is not a saved run of this version */
export async function loadRun(path: string): Promise<SavedRun> {
  const read = JSON.parse(await readFile(path, 'utf8')) as Partial<SavedRun>
  if (read.version !== SAVED_RUN_VERSION || !Array.isArray(read.cases)) {
    throw new TypeError(`${path} is not a run that this bench saved: make a new one with "npm run bench"`)
  }
  return read as SavedRun
}
