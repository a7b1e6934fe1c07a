// What a registry costs: badges issued and states asked for, each in a closed loop.
// Usage: node test/bench/registry.ts [--dir DIR] [--seconds N]

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { runCapiscio } from '../tools/core-process.ts'
import { runClosedLoop } from './closed-loop.ts'
import { cpuClock, cpuMicros } from './process-usage.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')

/** So many that no key comes to the limit of a thousand requests a minute. */
const KEYS = 200

const AGENTS = 50

const { values } = parseArgs({
  options: { dir: { type: 'string', default: tmpdir() }, seconds: { type: 'string', default: '5' } },
})
const folder = mkdtempSync(join(values.dir, 'capiscio-registry-bench-'))
const data = join(folder, 'data')
const forMs = Number(values.seconds) * 1000

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: an answer as a client sees it
  readonly body: any
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

function call(url: string, method: string, path: string, key?: string, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...(key !== undefined && { 'x-capiscio-registry-key': key }) }
    const sent = request(url + path, { method, agent, headers }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function demand(expected: number, answer: Promise<Answer>): Promise<Answer['body']> {
  const { status, body } = await answer
  if (status !== expected) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

async function main(url: string, pid: number, adminKey: string): Promise<void> {
  const keys: string[] = []
  for (let n = 0; n < KEYS; n++) {
    const body = { name: `bench-${n}`, scopes: ['badges:issue', 'agents:write'] }
    keys.push((await demand(201, call(url, 'POST', '/v1/admin/api-keys', adminKey, body))).data.key)
  }
  for (let n = 0; n < AGENTS; n++) {
    // Any 32 bytes below the field prime are taken as a key; nothing here is verified.
    const publicKey = Buffer.concat([randomBytes(31), Buffer.of(1)]).toString('base64')
    await demand(201, call(url, 'POST', '/v1/sdk/agents', keys[n], { id: `a${n}`, name: `a${n}`, publicKey }))
  }
  let n = 0
  let jti = ''
  const cases: readonly (readonly [name: string, inFlight: number, ask: () => Promise<void>])[] = [
    ...[1, 8, 32].map((inFlight) => {
      const issue = async (): Promise<void> => {
        n++
        const path = `/v1/agents/a${n % AGENTS}/badge`
        jti = (await demand(200, call(url, 'POST', path, keys[n % KEYS], { mode: 'ial0' }))).jti
      }
      return ['issue a badge (IAL-0)', inFlight, issue] as const
    }),
    ...[1, 32].map((inFlight) => {
      const status = async (): Promise<void> => void (await demand(200, call(url, 'GET', `/v1/badges/${jti}/status`)))
      return ['status of a badge', inFlight, status] as const
    }),
    ...[1, 32].map((inFlight) => {
      const status = async (): Promise<void> => void (await demand(200, call(url, 'GET', '/v1/agents/a1/status')))
      return ['status of an agent', inFlight, status] as const
    }),
  ]
  const clock = cpuClock()
  console.log('case                   in flight   per s   CPU µs   p50 ms   p99 ms')
  for (const [name, inFlight, ask] of cases) {
    await runClosedLoop(ask, { inFlight, forMs: 300, minCalls: 1 })
    const before = cpuMicros(pid, clock)
    const { calls, seconds, p50Ms, p99Ms } = await runClosedLoop(ask, { inFlight, forMs, minCalls: 1 })
    const cpu = (cpuMicros(pid, clock) - before) / calls
    const cells = [(calls / seconds).toFixed(0).padStart(8), cpu.toFixed(0).padStart(8)]
    console.log(
      `${name.padEnd(22)} ${String(inFlight).padStart(9)}${cells.join(' ')} ${p50Ms.toFixed(2).padStart(8)} ${p99Ms.toFixed(2).padStart(8)}`,
    )
  }
}

const made = await runCapiscio(['registry', 'init', '--issuer', 'https://registry.example.com', '--data', data])
const flags = [
  '--data',
  data,
  '--listen',
  '127.0.0.1:0',
  '--json',
  '--log-level',
  'warn',
  '--badges-per-hour',
  '9999999',
]
const child = spawn(process.execPath, [MAIN, 'registry', 'serve', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  for await (const line of createInterface({ input: child.stdout })) {
    await main(JSON.parse(line).url, child.pid ?? 0, made.stdout.trim())
    break
  }
} finally {
  child.kill('SIGTERM')
  agent.destroy()
  rmSync(folder, { recursive: true, force: true })
}
