import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')

/** `capiscio serve` in a process of its own, with a folder of its own for everything it keeps. */
export interface ServeProcess extends AsyncDisposable {
  readonly addresses: { readonly tcp: string; readonly socket: string; readonly http: string }
  readonly folder: string
  readonly child: ChildProcess
  /** Everything that it wrote so far, to either stream. */
  output(): string
  stop(): Promise<number | null>
}

/**
 * Starts a core on free ports and a Unix socket, and waits until it says that it listens.
 *
 * @throws when it ends before, with what it wrote
 */
export async function startServe(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ServeProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-serve-'))
  const where = ['--listen', '127.0.0.1:0', '--socket', join(folder, 'core.sock'), '--http', '127.0.0.1:0']
  const kept = ['--state-dir', join(folder, 'state'), '--evidence-log', join(folder, 'evidence')]
  const child = spawn(process.execPath, [MAIN, 'serve', '--log-level', 'debug', ...where, ...kept, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: folder, ...env },
  })
  let output = ''
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const addresses = await new Promise<ServeProcess['addresses']>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        const started = /^\{.*"event":"started".*\}$/m.exec(output)?.[0]
        if (started !== undefined) resolve(JSON.parse(started))
      })
    }
    exited.then((code) => reject(new Error(`capiscio serve ended with ${code} before it listened:\n${output}`)))
  })
  const stop = (): Promise<number | null> => {
    child.kill('SIGTERM')
    return exited
  }
  return {
    addresses,
    folder,
    child,
    output: () => output,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
