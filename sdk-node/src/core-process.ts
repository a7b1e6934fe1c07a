import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { environmentSecrets } from './environment-secrets.ts'
import { createOutputTail } from './output-tail.ts'

/** The core promises to be gone 4 seconds after SIGTERM. */
const STOP_GRACE_MS = 5_000
/** How long the last output may come after the exit. */
const LAST_OUTPUT_MS = 200

/** A core that runs as a child of this process. */
export interface CoreProcess {
  /** Resolves when the process is gone, with a sentence that says how. Never rejects. */
  readonly exited: Promise<string>
  /** The end of what it printed, without secrets. */
  output(): string
  /** Asks it to stop, insists after 5 seconds, resolves when it is gone. */
  stop(): Promise<void>
}

/**
 * Starts a core on a Unix socket.
 *
 * It ends with this process, however that ends: its standard input is a pipe from here,
 * and `CAPISCIO_EXIT_WITH_STDIN` tells it to stop when that closes. Its output is always
 * read, because a full pipe would block it. It never keeps this process alive.
 */
export function startCoreProcess(
  command: string,
  socketPath: string,
  environment: Readonly<Record<string, string | undefined>>,
): CoreProcess {
  const child = spawn(process.execPath, [command, 'rpc', '--socket', socketPath], {
    env: { ...environment, CAPISCIO_EXIT_WITH_STDIN: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
    // Its own session: Ctrl-C reaches this process first, which may still need decisions to end well.
    detached: true,
  })
  const tail = createOutputTail(environmentSecrets(environment))
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => tail.add(chunk))
  // It may be gone before the pipe is closed.
  child.stdin.on('error', () => {})
  setReferenced(child, false)

  const onParentExit = (): void => {
    child.kill('SIGTERM')
  }
  process.once('exit', onParentExit)

  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started (${error.message})`))
    child.once('exit', (code, signal) => {
      const how = signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`
      const finish = (): void => resolve(how)
      child.once('close', finish)
      setTimeout(finish, LAST_OUTPUT_MS).unref()
    })
  })
  void exited.then(() => process.removeListener('exit', onParentExit))

  async function stop(): Promise<void> {
    setReferenced(child, true)
    child.stdin.end()
    child.kill('SIGTERM')
    const insist = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS)
    await exited
    clearTimeout(insist)
    setReferenced(child, false)
  }

  return { exited, output: () => tail.text(), stop }
}

/** Whether the child and its pipes keep this process alive. */
function setReferenced(child: ChildProcess, referenced: boolean): void {
  for (const handle of [child, child.stdin, child.stdout, child.stderr]) {
    const change: unknown = handle === null ? undefined : Reflect.get(handle, referenced ? 'ref' : 'unref')
    if (typeof change === 'function') Reflect.apply(change, handle, [])
  }
}
