import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import { type Core, startCore } from '../core.ts'

export interface RunOptions {
  readonly config: Config
  readonly logger: Logger
  /** Also stop when standard input closes: the parent is gone. */
  readonly exitWithStdin: boolean
  /** Called once when the core answers. */
  readonly onStarted?: (core: Core) => void
}

/**
 * Runs a core until SIGTERM, SIGINT or, when asked, the end of standard input. A second
 * signal, or the end of the grace time, ends the process at once: then only decisions
 * that were never answered can be missing from the log.
 */
export async function runUntilStopped({ config, logger, exitWithStdin, onStarted }: RunOptions): Promise<void> {
  // Nobody may be reading what we write, and a closed pipe is no reason to stop deciding.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})

  const core = await startCore(config, logger)
  onStarted?.(core)
  await stopRequested(exitWithStdin)

  const lastResort = setTimeout(() => process.exit(1), config.shutdownGraceMs)
  lastResort.unref()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))
  await core.stop()
  clearTimeout(lastResort)
}

function stopRequested(exitWithStdin: boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      process.off('SIGTERM', done)
      process.off('SIGINT', done)
      process.stdin.pause()
      resolve()
    }
    process.once('SIGTERM', done)
    process.once('SIGINT', done)
    if (exitWithStdin) {
      process.stdin.resume()
      process.stdin.once('end', done)
      process.stdin.once('error', done)
    }
  })
}
