import { setFlagsFromString } from 'node:v8'

/** Commands whose process lives long. Others end before memory matters. */
const LONG_RUNNING = ['serve', 'rpc', 'dev'] as const

/** Half of the young generation, in MiB. The runtime's own choice, 64, buys a core nothing that can be measured. */
const SEMI_SPACE = '--max-semi-space-size=16'

/** How far the old generation may grow past what is alive before it is collected, in percent. */
const OLD_GENERATION_GROWTH = '--heap-growing-percent=200'

/**
 * Keeps the memory of a core below 300 MB, whatever passes through it: a decision leaves a
 * kilobyte of garbage, and the runtime would rather let the heap grow than collect it.
 *
 * The size of the young generation is fixed when a process starts. So where the system can
 * replace the program of a running process, this one starts over with the flag, once, under the
 * same process id and with the same standard streams. Elsewhere, and where an operator chose a
 * size, it stays as it is.
 *
 * Call this first: everything loaded before is loaded twice.
 */
export function boundHeap({ argv, execPath, execArgv, env, execve }: HeapProcess): void {
  // `capiscio serve`, `capiscio mcp serve`.
  if (!LONG_RUNNING.some((name) => argv.slice(2, 4).includes(name))) return
  const isChosen = [...execArgv, env.NODE_OPTIONS ?? ''].some((text) => text.includes('semi-space-size'))
  if (!isChosen && execve !== undefined) execve(execPath, [execPath, ...execArgv, SEMI_SPACE, ...argv.slice(1)], env)
  setFlagsFromString(OLD_GENERATION_GROWTH)
}

/** What is needed of `process`. */
export interface HeapProcess {
  readonly argv: readonly string[]
  readonly execPath: string
  readonly execArgv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Absent on Windows and on Nodes before 22.15. Does not return. */
  readonly execve?: ((file: string, args: readonly string[], env: NodeJS.ProcessEnv) => void) | undefined
}
