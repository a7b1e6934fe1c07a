import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readEvidenceLogs } from '@capiscio/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let home: string
let host: ChildProcess
let lines: AsyncIterator<string>

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'capiscio-embedded-'))
})

afterEach(async () => {
  host.kill('SIGKILL')
  // The core of a host that was killed may be writing its last.
  await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

function startHost(env: Record<string, string> = {}): void {
  host = spawn(process.execPath, [join(import.meta.dirname, 'embedded-host.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, HOME: home, ...env },
  })
  if (host.stdout === null) throw new Error('The host has no output')
  lines = createInterface({ input: host.stdout })[Symbol.asyncIterator]()
}

async function call(tool: string): Promise<Record<string, unknown>> {
  host.stdin?.write(`${JSON.stringify({ tool, word: 'hello' })}\n`)
  const { value } = await lines.next()
  return JSON.parse(value as string) as Record<string, unknown>
}

/** Process ids of embedded cores of this test's home. */
async function cores(): Promise<number[]> {
  const found: number[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [command, environment] = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    )
    if (command?.includes('\0rpc\0') && environment?.includes(`HOME=${home}`)) found.push(Number(pid))
  }
  return found
}

describe.runIf(process.platform === 'linux')('a host that names no core', () => {
  it('gets one of its own: allowed calls run, denied ones do not, both are in the log', async () => {
    startHost()
    const allowed = await call('read')
    expect(allowed).toMatchObject({
      word: 'hello',
      runs: ['read'],
      evidenceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    const denied = await call('admin')
    expect(denied).toMatchObject({ denied: 'TOOL_AUTH_MISSING', runs: ['read'] })
    const logged: Record<string, unknown>[] = []
    for await (const { leaf } of readEvidenceLogs({ root: join(home, '.capiscio', 'evidence') })) {
      logged.push(JSON.parse(Buffer.from(leaf).toString()) as Record<string, unknown>)
    }
    const decisions = logged.filter((record) => record['event.name'] === 'capiscio.tool_invocation')
    expect(decisions.map(({ id }) => id)).toEqual([allowed['evidenceId'], denied['evidenceId']])
    // What the allowed call did is reported in the background, after it.
    const outcomes = logged.filter((record) => record['event.name'] === 'capiscio.tool_outcome')
    expect(outcomes.map((record) => record['capiscio.decision_id'])).toEqual(outcomes.map(() => allowed['evidenceId']))
    expect(await cores()).toHaveLength(1)
  })

  it('takes its core with it, also when it is killed', async () => {
    startHost()
    await call('read')
    expect(await cores()).toHaveLength(1)
    host.kill('SIGKILL')
    await expect.poll(cores, { timeout: 10_000 }).toEqual([])
  })

  it('ends by itself when its work is done: the core does not hold it', async () => {
    startHost()
    await call('read')
    const ended = new Promise((resolve) => host.once('exit', resolve))
    host.stdin?.end()
    expect(await ended).toBe(0)
    await expect.poll(cores, { timeout: 10_000 }).toEqual([])
  })
})

describe('a host whose core cannot be reached', () => {
  it('runs nothing, and is told what to do', async () => {
    startHost({ CAPISCIO_CORE_ADDR: '127.0.0.1:1' })
    expect(await call('read')).toMatchObject({
      failed: 'CORE_UNREACHABLE',
      runs: [],
      message: expect.stringMatching(/CAPISCIO_CORE_ADDR|capiscio serve/),
    })
  })
})
