import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type Pinning, serverCommand } from './pinning.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** A server in a process of its own. */
export interface ServerProcess {
  readonly pid: number
  /** `host:port`. */
  readonly tcp: string
  /** `unix:/path`, of a core. */
  readonly socket: string
  stop(): Promise<void>
}

/** Starts the built core on the folder of a development core, as `capiscio serve` does. */
export function startCoreProcess(folder: string, pinning: Pinning | undefined): Promise<ServerProcess> {
  const args = [
    join(ROOT, 'core', 'dist', 'main.js'),
    'serve',
    ...['--profile', 'dev', '--config', join(folder, 'capiscio.yaml'), '--log-level', 'info'],
    ...['--listen', '127.0.0.1:0', '--socket', join(folder, 'core.sock'), '--http', 'none'],
  ]
  return start(args, folder, pinning, 'stderr')
}

/** Starts the trivial server, which answers every call with the bytes in `answerFile`. */
export function startControlProcess(
  folder: string,
  answerFile: string,
  pinning: Pinning | undefined,
): Promise<ServerProcess> {
  return start([join(import.meta.dirname, 'control-server.ts'), answerFile], folder, pinning, 'stdout')
}

async function start(
  args: readonly string[],
  home: string,
  pinning: Pinning | undefined,
  says: 'stdout' | 'stderr',
): Promise<ServerProcess> {
  const [command, commandArgs] = serverCommand(pinning, args)
  // Nothing of the caller's CAPISCIO_* or NODE_OPTIONS may change what is measured.
  const env = { PATH: process.env['PATH'], HOME: home }
  const child = spawn(command, commandArgs, { stdio: ['ignore', 'pipe', 'pipe'], env })
  // Whatever ends the bench, no server stays behind.
  const endWithUs = (): void => void child.kill('SIGKILL')
  process.prependListener('exit', endWithUs)
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      process.off('exit', endWithUs)
      resolve()
    }),
  )
  const { tcp, socket } = await started(child, child[says])
  child.stdout.resume()
  child.stderr.resume()
  return {
    pid: child.pid ?? 0,
    tcp,
    socket,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** Both servers say that they listen as a line of JSON with `"event":"started"`. */
async function started(child: ChildProcess, output: Readable): Promise<{ tcp: string; socket: string }> {
  const heard: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => {
    if (heard.length < 50) heard.push(chunk.toString())
  })
  for await (const line of createInterface({ input: output })) {
    if (!line.startsWith('{')) continue
    const said = JSON.parse(line) as { event?: string; tcp: string; socket: string }
    if (said.event === 'started') return said
  }
  throw new Error(`A server ended before it listened. Run "npm run build" first.\n${heard.join('')}`)
}
