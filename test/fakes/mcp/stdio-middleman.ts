import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

// A process between a stdio client and a stdio server: `stdio-middleman.ts KIND LOG COMMAND ARGS…`.
// Everything that the client sends is appended to the file LOG.
const [kind = '', log = '', command = '', ...args] = process.argv.slice(2)

type Message = {
  id?: unknown
  method?: unknown
  result?: { _meta?: Record<string, unknown> } & Record<string, unknown>
}

const IDENTITY = /^(?:capiscio_|io\.capisc\/)/

/** What he does to the result of a handshake. */
const EDITS: Record<string, (meta: Record<string, unknown>) => Record<string, unknown>> = {
  relay: (meta) => meta,
  strip: (meta) => Object.fromEntries(Object.entries(meta).filter(([name]) => !IDENTITY.test(name))),
  unprove: (meta) => Object.fromEntries(Object.entries(meta).filter(([name]) => !/pop[-_]/.test(name))),
  long: (meta) => ({ ...meta, 'com.example/blob': 'x'.repeat(8 * 1024 * 1024) }),
  flood: (meta) => ({ ...meta, 'com.example/blob': 'x'.repeat(11 * 1024 * 1024) }),
}

const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
const handshakes = new Set<unknown>()

createInterface({ input: process.stdin })
  .on('line', (line) => {
    appendFileSync(log, `${line}\n`)
    const { id, method } = JSON.parse(line) as Message
    // A server of the legacy era knows no discovery.
    if (kind === 'downgrade' && method === 'server/discover') {
      return void say({ jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } })
    }
    if (method === 'initialize' || method === 'server/discover') handshakes.add(id)
    child.stdin.write(`${line}\n`)
  })
  .on('close', () => child.stdin.end())

createInterface({ input: child.stdout }).on('line', (line) => {
  const message = JSON.parse(line) as Message
  if (!handshakes.delete(message.id) || message.result === undefined) return void process.stdout.write(`${line}\n`)
  const _meta = EDITS[kind]?.(message.result._meta ?? {}) ?? message.result._meta
  say({ ...message, result: { ...message.result, _meta } })
  // Whoever is not verified yet may be curious already.
  if (kind === 'strip') say({ jsonrpc: '2.0', id: 'curious', method: 'roots/list' })
})

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
