import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')

/** A core in a process of its own, as its users run it. */
export interface CoreProcess {
  /** `host:port` of the gRPC listener. */
  readonly address: string
  /** `http://host:port` of health and metrics. */
  readonly http: string
  readonly folder: string
  readonly child: ChildProcess
  /** Everything the process wrote to standard error so far. */
  stderr(): string
  /** Ends it as an operator does and resolves to its exit code. */
  stop(): Promise<number | null>
  /** Ends it as a crash does. */
  kill(): Promise<void>
}

const FREE_PORTS = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']

/** Starts `capiscio dev` in `folder`, on free ports unless told otherwise, and waits until it says that it listens. */
export async function startDevCore(folder: string, ports: readonly string[] = FREE_PORTS): Promise<CoreProcess> {
  const child = spawn(process.execPath, [MAIN, 'dev', '--dir', folder, '--json', ...ports], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  for await (const line of createInterface({ input: child.stdout })) {
    const { addresses } = JSON.parse(line) as { addresses: { tcp: string; http: string } }
    child.stdout.resume()
    return {
      address: addresses.tcp,
      http: addresses.http,
      folder,
      child,
      stderr: () => stderr,
      async stop() {
        child.kill('SIGTERM')
        return exited
      },
      async kill() {
        child.kill('SIGKILL')
        await exited
      },
    }
  }
  throw new Error(`capiscio dev ended with ${await exited} before it was ready:\n${stderr}`)
}

/** Runs `capiscio` to its end. */
export async function runCapiscio(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  })
  const collect = async (stream: NodeJS.ReadableStream): Promise<string> => {
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    return text
  }
  const [stdout, stderr, code] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    new Promise<number | null>((resolve) => child.once('exit', resolve)),
  ])
  return { code, stdout, stderr }
}

/** A badge, or the API key, that `capiscio dev` left in its folder. */
export async function devCredential(folder: string, ...path: string[]): Promise<string> {
  return (await readFile(join(folder, ...path), 'utf8')).trim()
}
