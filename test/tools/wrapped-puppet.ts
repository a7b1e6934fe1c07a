import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { McpWorld } from './mcp-world.ts'

const MAIN = join(import.meta.dirname, '../../core/dist/main.js')
const PUPPET = join(import.meta.dirname, '../fakes/mcp/puppet-server.ts')

export type Message = Record<string, unknown>

/** A client of the wrapper, line by line, and a server behind it that does as it is told. */
export interface Conversation {
  /** Sends lines in one write. */
  send(...lines: (string | object)[]): void
  /** Makes the server write lines. */
  say(...lines: (string | object)[]): void
  /** What the client got, without what the server reports. */
  got(): Message[]
  /** What reached the server, without what it was told to write. */
  reached(): Message[]
  /** Waits until everything sent so far has passed or was stopped, in both directions. */
  settled(): Promise<void>
  /** What was said until now counts no more. */
  forget(): void
  close(): Promise<number>
}

/** Starts `capiscio mcp wrap` around the puppet server, with the configuration of a world. */
export function converse(world: McpWorld, ...flags: string[]): Conversation {
  const env = { PATH: process.env.PATH ?? '', HOME: world.folder, CAPISCIO_STATE_DIR: join(world.folder, 'wrap-state') }
  const config = ['--config', join(world.folder, 'capiscio.yaml'), ...flags]
  const child = spawn(process.execPath, [MAIN, 'mcp', 'wrap', ...config, '--', process.execPath, PUPPET], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const ended = once(child, 'exit').then(([code]) => code as number)
  const all = (): Message[] =>
    out
      .slice(from)
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  const isReport = ({ method }: Message): boolean => method === 'notifications/got'
  const reports = (): Message[] =>
    all()
      .filter(isReport)
      .map(({ params }) => JSON.parse((params as { line: string }).line))
  const text = (line: string | object): string => (typeof line === 'string' ? line : JSON.stringify(line))
  const send = (...lines: (string | object)[]): void => {
    child.stdin.write(lines.map((line) => `${text(line)}\n`).join(''))
  }
  const say = (...lines: (string | object)[]): void =>
    send({ jsonrpc: '2.0', method: 'notifications/say', params: { lines: lines.map(text) } })
  let marks = 0
  let from = 0
  return {
    send,
    say,
    got: () => all().filter((message) => !isReport(message) && message.method !== 'notifications/mark'),
    reached: () => reports().filter(({ method }) => method !== 'notifications/say'),
    async settled() {
      marks += 1
      const mark = { jsonrpc: '2.0', method: 'notifications/mark', params: { marks } }
      say(mark)
      await expect
        .poll(() => all().some((message) => JSON.stringify(message) === JSON.stringify(mark)), { timeout: 10_000 })
        .toBe(true)
    },
    forget() {
      from = out.length
    },
    close() {
      child.stdin.end()
      return ended
    },
  }
}
