import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Where processor times come from, best first. */
export type CpuClock = 'schedstat' | 'proc-stat' | 'ps'

/** The finest clock that this system has. `proc-stat` and `ps` count in steps of 10 ms. */
export function cpuClock(): CpuClock {
  if (process.platform !== 'linux') return 'ps'
  return existsSync('/proc/self/schedstat') ? 'schedstat' : 'proc-stat'
}

/** Processor time of all threads of a process so far, user and system, in microseconds. */
export function cpuMicros(pid: number, clock: CpuClock): number {
  switch (clock) {
    case 'schedstat':
      return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadMicros(pid, thread), 0)
    case 'proc-stat': {
      // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) * 10_000
    }
    case 'ps': {
      const parts = ps(pid, 'time').split(/[-:]/).map(Number).reverse()
      const [seconds = 0, minutes = 0, hours = 0, days = 0] = parts
      return (seconds + 60 * (minutes + 60 * (hours + 24 * days))) * 1e6
    }
  }
}

/** Time that the main thread was ready to run and another process had the processor, in milliseconds. 0 where unknown. */
export function waitedMs(pid: number, clock: CpuClock): number {
  if (clock !== 'schedstat') return 0
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  if (process.platform !== 'linux') return Number(ps(pid, 'rss')) / 1024
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** A thread may end between listing and reading. */
function threadMicros(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000
  } catch {
    return 0
  }
}

function ps(pid: number, column: string): string {
  return execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).trim()
}
