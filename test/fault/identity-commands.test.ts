import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createCoreClient, evaluateToolAccess } from '@capiscio/mcp'
import { readBadge } from '@capiscio/proto/registry'
import { afterEach, describe, expect, it } from 'vitest'
import { agentKey } from '../fakes/registry-world.ts'
import { startTlsRegistry, type TlsRegistry } from '../fakes/tls-registry.ts'
import { startServe } from '../tools/serve-process.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')

const children = new Set<ChildProcess>()
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})

async function openRegistry(behindMs = 0) {
  const registry = await startTlsRegistry(behindMs)
  const apiKey = await registry.world.addKey('ci', 'default', ['agents:write', 'servers:write', 'badges:issue'])
  return { registry, apiKey, path: (name: string): string => join(registry.world.folder, name) }
}

function run({ registry, apiKey }: { registry: TlsRegistry; apiKey: string }, ...args: string[]) {
  const reach = ['--ca', registry.url, '--issuer', registry.issuer, '--ca-file', registry.caFile, '--json']
  const child = spawn(process.execPath, [MAIN, ...args, ...reach], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH, HOME: registry.world.folder, CAPISCIO_API_KEY: apiKey },
  })
  children.add(child)
  const exited = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | string)
  return { child, exited, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

async function reported(ran: ReturnType<typeof run>): Promise<Record<string, unknown>> {
  let text = ''
  for await (const line of { [Symbol.asyncIterator]: () => ran.lines }) text += line
  return JSON.parse(text)
}

describe('capiscio badge keep', () => {
  it('keeps a badge in its file that a core accepts at any moment, through a break of the registry, and ends when told', async () => {
    // Badges live a minute at least; by the clock of this registry they end after seven seconds here.
    const opened = await openRegistry(53_000)
    await using registry = opened.registry
    const { path } = opened
    await registry.world.addAgent('kept', agentKey(9))
    const file = path('kept.jwt')
    const keeping = run(opened, 'badge', 'keep', '--agent-id', 'kept', '--ttl', '60s', '--out', file)
    const event = async () => JSON.parse((await keeping.lines.next()).value ?? '{}')
    const first = await event()
    expect(first).toMatchObject({ event: 'renewed' })
    writeFileSync(path('capiscio.yaml'), registry.coreConfig)
    await using core = await startServe(['--config', path('capiscio.yaml')])
    await using client = createCoreClient({ address: core.addresses.tcp })
    // A caller that reads the file for every call, as fast as it can.
    const decided: string[] = []
    let isDone = false
    const load = (async () => {
      while (!isDone) {
        const badge = readFileSync(file, 'utf8').trim()
        const { outcome } = await evaluateToolAccess(
          'read',
          {},
          { credential: { badge }, client, config: { minTrustLevel: 1 } },
        )
        decided.push(outcome)
      }
    })()
    const second = await event()
    registry.isAway = true
    const failed = await event()
    registry.isAway = false
    const third = await event()
    isDone = true
    await load
    expect(second).toMatchObject({ event: 'renewed' })
    expect(failed).toMatchObject({ event: 'failed', retryInSeconds: expect.any(Number) })
    expect(third).toMatchObject({ event: 'renewed' })
    expect(new Set([first.jti, second.jti, third.jti]).size).toBe(3)
    expect(decided.length).toBeGreaterThan(10)
    expect(new Set(decided)).toEqual(new Set(['ALLOW']))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    keeping.child.kill('SIGTERM')
    expect(await keeping.exited).toBe(0)
    expect(readBadge(readFileSync(file, 'utf8').trim()).jti).toBe(third.jti)
  })
})

/** Kills the child at the n-th moment at which its registry is asked or answers. */
async function killAt(
  registry: TlsRegistry,
  moment: number,
  start: () => { readonly child: ChildProcess; readonly exited: Promise<unknown> },
) {
  let seen = 0
  const started = start()
  registry.onRequest = async () => {
    if (seen++ !== moment) return
    started.child.kill('SIGKILL')
    await started.exited
  }
  const end = await started.exited
  registry.onRequest = () => undefined
  return end
}

describe('capiscio init', () => {
  it('that is killed at any of its requests is completed by the next run, with the same key', async () => {
    const opened = await openRegistry()
    await using registry = opened.registry
    const ends: unknown[] = []
    for (let moment = 0; ends.at(-1) !== 0; moment += 1) {
      expect(moment).toBeLessThan(20)
      const folder = opened.path(`agent-${moment}`)
      const args = ['init', '--agent-id', `agent-${moment}`, '--create', '--out', folder]
      ends.push(await killAt(registry, moment, () => run(opened, ...args)))
      const key = readFileSync(join(folder, 'private_key.pem'), 'utf8')
      const again = await reported(run(opened, ...args))
      expect(again).toMatchObject({ id: `agent-${moment}`, proven: true, keyMade: false, badge: { ial: 1 } })
      expect(readFileSync(join(folder, 'private_key.pem'), 'utf8')).toBe(key)
      expect(readFileSync(join(folder, 'did.txt'), 'utf8').trim()).toBe(again.did)
      expect(readBadge(readFileSync(join(folder, 'badge.jwt'), 'utf8').trim()).subject).toBe(again.did)
    }
    // Every request was met before and after the registry had it.
    expect(ends.slice(0, -1).every((end) => end === 'SIGKILL')).toBe(true)
    expect(ends.length).toBeGreaterThan(4)
  })
})
