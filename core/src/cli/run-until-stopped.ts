import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import { type Core, startCore } from '../core.ts'
import { outliveReader } from './output-reader.ts'

export interface RunOptions {
  readonly config: Config
  readonly logger: Logger
  /** Also stop when standard input closes: the parent is gone. */
  readonly exitWithStdin: boolean
  /** SIGHUP reads the files again. Otherwise it ends the process, as where a terminal is closed. */
  readonly reloadOnHangup?: boolean
  /** Called once when the core answers. */
  readonly onStarted?: (core: Core) => void
}

/** Runs a core until it is told to stop, see `runService`. */
export async function runUntilStopped({
  config,
  logger,
  exitWithStdin,
  reloadOnHangup = false,
  onStarted,
}: RunOptions): Promise<void> {
  const { shutdownGraceMs } = config
  let started: Core | undefined
  // Before the start is over the files are being read anyway.
  if (reloadOnHangup) process.on('SIGHUP', () => void started?.reload())
  await runService({
    start: () => startCore(config, logger),
    ...{ shutdownGraceMs, exitWithStdin },
    onStarted: (core) => {
      started = core
      onStarted?.(core)
    },
  })
}

export interface ServiceOptions<Service> {
  readonly start: () => Promise<Service>
  readonly shutdownGraceMs: number
  /** Also stop when standard input closes: the parent is gone. */
  readonly exitWithStdin: boolean
  /** Called once when the service answers. */
  readonly onStarted?: (service: Service) => void
}

/**
 * Runs a service until SIGTERM, SIGINT or, when asked, the end of standard input. A second
 * signal, or the end of the grace time, ends the process at once: then only what was never
 * answered can be missing from the log.
 */
export async function runService<Service extends { stop(): Promise<void> }>({
  start,
  shutdownGraceMs,
  exitWithStdin,
  onStarted,
}: ServiceOptions<Service>): Promise<void> {
  // Nobody may be reading what we write, and a closed pipe is no reason to stop deciding.
  outliveReader()

  // Listened for from the first moment on: whoever sees that the service has started may stop it.
  const stop = listenForStop(exitWithStdin)
  const service = await start().catch((error: unknown) => {
    stop.release()
    throw error
  })
  onStarted?.(service)
  await stop.requested

  const lastResort = setTimeout(() => process.exit(1), shutdownGraceMs)
  lastResort.unref()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))
  await service.stop()
  clearTimeout(lastResort)
  // Nothing of ours is open now. A name that the system still looks up cannot be called back and
  // would keep the process for as long as the resolver likes.
  setTimeout(() => process.exit(), 100).unref()
}

function listenForStop(exitWithStdin: boolean): { readonly requested: Promise<void>; release(): void } {
  let request = (): void => {}
  const requested = new Promise<void>((resolve) => {
    request = resolve
  })
  const release = (): void => {
    process.off('SIGTERM', done)
    process.off('SIGINT', done)
    process.stdin.pause()
  }
  function done(): void {
    release()
    request()
  }
  process.once('SIGTERM', done)
  process.once('SIGINT', done)
  if (exitWithStdin) {
    process.stdin.resume()
    process.stdin.once('end', done)
    process.stdin.once('error', done)
  }
  return { requested, release }
}
