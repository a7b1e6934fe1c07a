import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Which processor serves and which one makes the load; absent where processes cannot be pinned. */
export interface Pinning {
  readonly server: number
  readonly load: number
}

/**
 * Pins this process, which makes the load, to a processor of its own.
 *
 * Without `taskset`, or with one processor only, nothing is pinned and the numbers are noisier.
 */
export function pinLoad(): Pinning | undefined {
  const [server, load] = allowedProcessors()
  if (server === undefined || load === undefined) return undefined
  const pinned = spawnSync('taskset', ['-a', '-p', '-c', String(load), String(process.pid)], { stdio: 'ignore' })
  return pinned.status === 0 ? { server, load } : undefined
}

/** The command line that runs Node with `args` where servers run. */
export function serverCommand(pinning: Pinning | undefined, args: readonly string[]): readonly [string, string[]] {
  if (pinning === undefined) return [process.execPath, [...args]]
  return ['taskset', ['-c', String(pinning.server), process.execPath, ...args]]
}

/** The command line that runs Node with `args` on both processors; a child has those of its parent otherwise. */
export function unpinnedCommand(pinning: Pinning | undefined, args: readonly string[]): readonly [string, string[]] {
  if (pinning === undefined) return [process.execPath, [...args]]
  return ['taskset', ['-c', `${pinning.server},${pinning.load}`, process.execPath, ...args]]
}

/** A container may allow other processors than the first ones: `0-1`, `3,7-8`. */
function allowedProcessors(): number[] {
  if (process.platform !== 'linux') return []
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, n) => first + n)
  })
}
