import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { CoreService, GetServerInfoRequestSchema } from '@capiscio/proto/core/v1'
import { ClientClosedError, CoreStartError } from '@capiscio/proto/sdk'
import type { Connector } from './connector.ts'
import type { CoreProcess } from './core-process.ts'
import { startCoreProcess } from './core-process.ts'
import { findCoreCommand } from './find-core.ts'
import type { CoreTransport, UnaryTransport } from './transport.ts'
import { createTransport } from './transport.ts'

/** Options of `createEmbeddedConnector`. */
export interface EmbeddedCoreOptions {
  /** Milliseconds until a started core must answer. */
  readonly startTimeoutMs: number
  /** The command to run. Default: that of the installed `@capiscio/core`. */
  readonly command?: string
  /** Environment of the core. Default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Waits before the restarts, in milliseconds; their number is the number of restarts. */
  readonly restartDelaysMs?: readonly number[]
  /** Milliseconds after which a core that ran counts as healthy, so that restarts count from zero. */
  readonly stableAfterMs?: number
}

interface Running {
  readonly process: CoreProcess
  readonly transport: CoreTransport
  readonly since: number
}

/**
 * - idle: nothing runs; the next `connect` starts a core.
 * - starting: a core is being started, perhaps after a wait.
 * - running: it has answered.
 * - failed: it stopped too often; only a new client tries again.
 * - closed: for good.
 */
type State =
  | { readonly at: 'idle' }
  | { readonly at: 'starting'; readonly connection: Promise<CoreTransport>; process: CoreProcess | undefined }
  | { readonly at: 'running'; readonly running: Running }
  | { readonly at: 'failed'; readonly error: CoreStartError }
  | { readonly at: 'closed' }

/** Longest path of a Unix socket on macOS; Linux allows four bytes more. */
const MAX_SOCKET_PATH_BYTES = 103

const CLOSED = 'This client was disposed. Make another one; the tool was not run.'

/**
 * Starts and supervises a core of our own, on a Unix socket in a private directory. When
 * it stops unexpectedly it is started again, at most as often as there are delays; calls
 * that were waiting for its answer fail and are not repeated.
 */
export function createEmbeddedConnector(options: EmbeddedCoreOptions): Connector {
  const {
    startTimeoutMs,
    environment = process.env,
    restartDelaysMs = [250, 500, 1_000],
    stableAfterMs = 60_000,
  } = options
  let state: State = { at: 'idle' }
  let directory: string | undefined
  let launches = 0
  /** Unexpected ends in a row. */
  let ends = 0

  function start(): Promise<CoreTransport> {
    const starting: State = { at: 'starting', connection: launch(() => starting === state), process: undefined }
    state = starting
    // A restart in the background has nobody who waits for it yet.
    starting.connection.catch(() => {})
    return starting.connection
  }

  async function launch(isCurrent: () => boolean): Promise<CoreTransport> {
    await delay(ends === 0 ? 0 : (restartDelaysMs[ends - 1] ?? 0))
    if (!isCurrent()) throw new ClientClosedError(CLOSED)
    // Not counted as an end: nothing has run.
    const { command, socketPath } = orIdle(() => {
      requireUnixSockets()
      if (directory === undefined) {
        directory = makePrivateDirectory()
        process.once('exit', removeDirectory)
      }
      launches += 1
      // Another path each time: nobody can talk to a core that is still ending.
      return { command: options.command ?? findCoreCommand(), socketPath: join(directory, `core-${launches}.sock`) }
    })
    const core = startCoreProcess(command, socketPath, environment)
    const transport = createTransport({ kind: 'unix', target: `unix:${socketPath}`, label: `unix:${socketPath}` })
    if (state.at === 'starting') state.process = core
    const problem = await firstAnswer(core, transport, startTimeoutMs)
    if (!isCurrent()) {
      transport.close()
      await core.stop()
      throw new ClientClosedError(CLOSED)
    }
    if (problem !== undefined) {
      transport.close()
      await core.stop()
      throw ended(`The embedded core did not start: ${problem}.`, core)
    }
    const running: Running = { process: core, transport, since: performance.now() }
    state = { at: 'running', running }
    void core.exited.then((how) => onExit(running, how))
    return transport
  }

  function onExit(running: Running, how: string): void {
    if (state.at !== 'running' || state.running !== running) return
    running.transport.close()
    if (performance.now() - running.since >= stableAfterMs) ends = 0
    const error = ended(`The embedded core stopped: ${how}.`, running.process)
    if (ends <= restartDelaysMs.length) start()
    else state = { at: 'failed', error }
  }

  /** Counts an unexpected end and decides what comes next. */
  function ended(what: string, core: CoreProcess): CoreStartError {
    ends += 1
    const output = core.output()
    const tail = output === '' ? 'It printed nothing.' : `It printed last:\n${output}`
    if (ends <= restartDelaysMs.length) {
      state = { at: 'idle' }
      return new CoreStartError(`${what} The tool was not run; the next call tries again. ${tail}`)
    }
    const error = new CoreStartError(
      `${what} It stopped ${ends} times and is not started again. Correct what it complains about and restart, ` +
        `or run a core yourself ("capiscio serve") and set CAPISCIO_CORE_ADDR. ${tail}`,
    )
    state = { at: 'failed', error }
    return error
  }

  function orIdle<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      state = { at: 'idle' }
      throw error
    }
  }

  async function connect(): Promise<CoreTransport> {
    switch (state.at) {
      case 'idle':
        return start()
      case 'starting':
        return state.connection
      case 'running':
        return state.running.transport
      case 'failed':
        throw state.error
      case 'closed':
        throw new ClientClosedError(CLOSED)
    }
  }

  async function close(): Promise<void> {
    const last = state
    state = { at: 'closed' }
    if (last.at === 'running') {
      last.running.transport.close()
      await last.running.process.stop()
    }
    if (last.at === 'starting') {
      await last.process?.stop()
      await last.connection.catch(() => {})
    }
    process.removeListener('exit', removeDirectory)
    removeDirectory()
  }

  function removeDirectory(): void {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  }

  return { connect, close }
}

/** Waits until the core answers or ends. Gives the problem, or undefined when it answered. */
async function firstAnswer(
  core: CoreProcess,
  transport: UnaryTransport,
  timeoutMs: number,
): Promise<string | undefined> {
  const answered = transport
    .unary(CoreService.method.getServerInfo, create(GetServerInfoRequestSchema), { timeoutMs, waitForReady: true })
    .then(
      () => undefined,
      (error: unknown) => `it did not answer within ${timeoutMs} ms (${error instanceof Error ? error.name : 'error'})`,
    )
  return Promise.race([answered, core.exited])
}

function makePrivateDirectory(): string {
  // mkdtemp makes the directory with mode 0700: only this user can reach the socket in it.
  const usual = tmpdir()
  const fits = Buffer.byteLength(join(usual, 'capiscio-XXXXXX', 'core-1000.sock')) <= MAX_SOCKET_PATH_BYTES
  return mkdtempSync(join(fits ? usual : '/tmp', 'capiscio-'))
}

function requireUnixSockets(): void {
  if (process.platform === 'win32') {
    throw new CoreStartError(
      'An embedded core needs Unix sockets, which Windows does not offer here. Run a core ("capiscio serve") and set CAPISCIO_CORE_ADDR to its host:port.',
    )
  }
}

function delay(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms).unref())
}
