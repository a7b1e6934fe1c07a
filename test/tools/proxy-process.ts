import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')

export interface ProxyProcessOptions {
  readonly target: string
  /** Folder of `capiscio dev`, whose configuration the proxy takes. State and evidence go there too. */
  readonly folder: string
  readonly policyFile: string
  /** Who the server behind it is. */
  readonly did: string
}

/** `capiscio mcp proxy` in front of an MCP endpoint, as its users start it. */
export interface ProxyProcess extends AsyncDisposable {
  readonly url: string
}

/** Starts the proxy on a free port and waits until it says that it listens. */
export async function startProxyProcess(options: ProxyProcessOptions): Promise<ProxyProcess> {
  const at = (...path: string[]): string => join(options.folder, ...path)
  const args = [
    ...[MAIN, 'mcp', 'proxy', '--target', options.target, '--listen', '127.0.0.1:0', '--json'],
    ...['--config', at('capiscio.yaml'), '--profile', 'dev', '--policy', options.policyFile],
    ...['--did', options.did, '--badge', at('badges', 'server.jwt'), '--key', at('server.pem')],
  ]
  const env = { PATH: process.env.PATH ?? '', HOME: options.folder }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line) as { url: string }
    child.stdout.resume()
    return {
      url,
      async [Symbol.asyncDispose]() {
        child.kill('SIGTERM')
        await exited
      },
    }
  }
  throw new Error('capiscio mcp proxy ended before it listened; its message is above.')
}
