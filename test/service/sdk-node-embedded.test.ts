import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ToolAccess } from '@capiscio/proto/sdk'
import { ClientClosedError, CoreConnectionError, CoreStartError, CoreTimeoutError } from '@capiscio/proto/sdk'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CoreClient } from '../../sdk-node/src/client.ts'
import { clientOver } from '../../sdk-node/src/core-client.ts'
import type { EmbeddedCoreOptions } from '../../sdk-node/src/embedded-core.ts'
import { createEmbeddedConnector } from '../../sdk-node/src/embedded-core.ts'
import { evaluateToolAccess } from '../../sdk-node/src/evaluate-tool-access.ts'
import { guard } from '../../sdk-node/src/guard.ts'

const PROGRAM = join(import.meta.dirname, '..', 'fakes', 'embedded-core-program.ts')
const SDK = join(import.meta.dirname, '..', '..', 'sdk-node', 'src')

let folder: string
let journal: string
const clients: CoreClient[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sdk-embedded-'))
  journal = join(folder, 'journal')
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true, force: true })
})

interface Event {
  readonly what: string
  readonly pid: number
  readonly socketPath: string
}

function events(): Event[] {
  if (!existsSync(journal)) return []
  const lines = readFileSync(journal, 'utf8').trim().split('\n')
  return lines.map((line) => {
    const [what = '', pid, socketPath = ''] = line.split(' ')
    return { what, pid: Number(pid), socketPath }
  })
}

function embedded(
  behaviour: string,
  options: Partial<EmbeddedCoreOptions> & {
    timeoutMs?: number
    extra?: Record<string, string>
  } = {},
): CoreClient {
  const { timeoutMs = 20_000, extra = {}, ...rest } = options
  const connector = createEmbeddedConnector({
    startTimeoutMs: 15_000,
    command: PROGRAM,
    environment: { ...process.env, ...extra, FAKE_CORE: behaviour, FAKE_CORE_JOURNAL: journal },
    restartDelaysMs: [1, 1, 1],
    ...rest,
  })
  const client = clientOver(connector, timeoutMs)
  clients.push(client)
  return client
}

const ask = (client: CoreClient, tool = 'read'): Promise<ToolAccess> => evaluateToolAccess(tool, {}, { client })

const errorOf = (call: Promise<unknown>): Promise<Error & Record<string, unknown>> =>
  call.then(
    () => expect.unreachable('the call must be rejected'),
    (error) => error,
  )

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A zombie still has a number.
    return !existsSync('/proc') || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('an embedded core', () => {
  test('is started by the first call, once for all who wait, on a private socket', async () => {
    const client = embedded('honest')
    expect(events()).toEqual([])
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(client)))
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['ALLOW']))
    expect(events().map(({ what }) => what)).toEqual(['started'])
    const directory = dirname(events()[0]?.socketPath ?? '')
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  })

  test('is stopped, and its directory removed, when the client is disposed', async () => {
    const client = embedded('honest')
    await ask(client)
    const [started] = events()
    await client[Symbol.asyncDispose]()
    expect(isAlive(started?.pid ?? 0)).toBe(false)
    expect(existsSync(dirname(started?.socketPath ?? ''))).toBe(false)
    expect(await errorOf(ask(client))).toBeInstanceOf(ClientClosedError)
  })

  test('is stopped only after the calls under way are answered', async () => {
    const client = embedded('honest')
    await ask(client)
    const call = ask(client, 'slow')
    await client[Symbol.asyncDispose]()
    expect((await call).outcome).toBe('ALLOW')
  })

  test('may print more than a pipe holds', async () => {
    expect((await ask(embedded('talkative'))).outcome).toBe('ALLOW')
  })

  test('answers for itself while it is not ready: what needs no issuer need not wait for one', async () => {
    expect((await ask(embedded('not-ready'))).outcome).toBe('ALLOW')
  })

  test('is stopped also when its callers gave up before it answered', async () => {
    const client = embedded('silent', { timeoutMs: 400 })
    expect(await errorOf(ask(client))).toBeInstanceOf(CoreTimeoutError)
    await vi.waitFor(() => expect(events()).toHaveLength(1), { timeout: 10_000 })
    await client[Symbol.asyncDispose]()
    expect(isAlive(events()[0]?.pid ?? 0)).toBe(false)
    expect(existsSync(dirname(events()[0]?.socketPath ?? ''))).toBe(false)
  })
})

describe('an embedded core that does not work', () => {
  test('is an error with what it printed, without secrets', async () => {
    const client = embedded('fails', { extra: { CAPISCIO_API_KEY: 'canary-key-77' } })
    const handler = vi.fn(async () => 1)
    const error = await errorOf(guard({ tool: 'read', client }, handler)())
    expect(error).toBeInstanceOf(CoreStartError)
    expect(error.message).toContain('exit code 3')
    expect(error.message).toContain('cannot read the policy file; the key is [redacted]')
    expect(error.message).not.toContain('canary')
    expect(handler).not.toHaveBeenCalled()
  })

  test('is started four times, then no more, and the error says what to do', async () => {
    const client = embedded('fails')
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect((await errorOf(ask(client))).message).toContain('the next call tries again')
    }
    expect((await errorOf(ask(client))).message).toContain('set CAPISCIO_CORE_ADDR')
    expect((await errorOf(ask(client))).message).toContain('is not started again')
    expect(events()).toHaveLength(4)
  })

  test('is ended when it never answers', async () => {
    const error = await errorOf(ask(embedded('silent', { startTimeoutMs: 400 })))
    expect(error).toBeInstanceOf(CoreStartError)
    expect(error.message).toContain('did not answer within 400 ms')
    expect(isAlive(events()[0]?.pid ?? 0)).toBe(false)
  })

  test('cannot be run at all', async () => {
    const error = await errorOf(ask(embedded('honest', { command: join(tmpdir(), 'no-such-core.js') })))
    expect(error).toBeInstanceOf(CoreStartError)
    expect(error.message).toContain('exit code 1')
  })
})

describe('an embedded core that crashes', () => {
  test('fails the call that it was working on, which is not repeated, and is started again', async () => {
    const client = embedded('honest')
    const first = await ask(client)
    const handler = vi.fn(async () => 1)
    const error = await errorOf(guard({ tool: 'crash', client }, handler)())
    expect(error).toBeInstanceOf(CoreConnectionError)
    expect(handler).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(events().filter(({ what }) => what === 'started')).toHaveLength(2), {
      timeout: 10_000,
    })
    const second = await vi.waitFor(() => ask(client), { timeout: 10_000 })
    expect(second.outcome).toBe('ALLOW')
    expect(second.principal).not.toBe(first.principal)
    expect(new Set(events().map(({ socketPath }) => socketPath)).size).toBe(2)
  })

  test('fails all that it was working on together, and the next one decides', async () => {
    const client = embedded('honest')
    const first = await ask(client)
    const tools = [...Array.from({ length: 20 }, () => 'slow'), 'crash']
    for (const error of await Promise.all(tools.map((tool) => errorOf(ask(client, tool))))) {
      expect(error).toBeInstanceOf(CoreConnectionError)
    }
    const second = await vi.waitFor(() => ask(client), { timeout: 10_000 })
    expect(second.outcome).toBe('ALLOW')
    expect(second.principal).not.toBe(first.principal)
  })

  test('is given up after three restarts', async () => {
    const client = embedded('honest')
    for (let crash = 1; crash <= 4; crash += 1) {
      await vi.waitFor(() => ask(client), { timeout: 10_000 })
      await errorOf(ask(client, 'crash'))
    }
    const error = await vi.waitFor(
      async () => {
        const last = await errorOf(ask(client))
        expect(last).toBeInstanceOf(CoreStartError)
        return last
      },
      { timeout: 10_000 },
    )
    expect(error.message).toContain('stopped 4 times')
    expect(events()).toHaveLength(4)
  })

  test('after a long healthy run counts as its first', async () => {
    const client = embedded('honest', { stableAfterMs: 0, restartDelaysMs: [1] })
    for (let crash = 1; crash <= 4; crash += 1) {
      await vi.waitFor(() => ask(client), { timeout: 10_000 })
      await errorOf(ask(client, 'crash'))
    }
    expect((await vi.waitFor(() => ask(client), { timeout: 10_000 })).outcome).toBe('ALLOW')
  })
})

describe('the end of the parent', () => {
  function parent(after: string): ReturnType<typeof spawn> {
    const program = `
      import { clientOver } from ${JSON.stringify(join(SDK, 'core-client.ts'))}
      import { createEmbeddedConnector } from ${JSON.stringify(join(SDK, 'embedded-core.ts'))}
      import { evaluateToolAccess } from ${JSON.stringify(join(SDK, 'evaluate-tool-access.ts'))}
      const client = clientOver(createEmbeddedConnector({ startTimeoutMs: 15_000, command: ${JSON.stringify(PROGRAM)} }), 20_000)
      console.log((await evaluateToolAccess('read', {}, { client })).outcome)
      ${after}`
    return spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, FAKE_CORE: 'honest', FAKE_CORE_JOURNAL: journal },
    })
  }

  test('by itself is not held up by an idle core, which ends too', async () => {
    const child = parent('')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    const [started] = events()
    await vi.waitFor(() => expect(isAlive(started?.pid ?? 0)).toBe(false), { timeout: 10_000 })
    expect(existsSync(dirname(started?.socketPath ?? ''))).toBe(false)
  })

  test('by SIGKILL ends the core, which sees its standard input close', async () => {
    const child = parent('setInterval(() => {}, 1_000)')
    await once(child.stdout ?? child, 'data')
    const [started] = events()
    expect(isAlive(started?.pid ?? 0)).toBe(true)
    child.kill('SIGKILL')
    await vi.waitFor(() => expect(events().at(-1)?.what).toBe('orphaned'), { timeout: 10_000 })
    await vi.waitFor(() => expect(isAlive(started?.pid ?? 0)).toBe(false), { timeout: 10_000 })
    // A killed parent cannot remove its directory.
    rmSync(dirname(started?.socketPath ?? ''), { recursive: true })
  })

  test('by disposal is orderly', async () => {
    const child = parent('await client[Symbol.asyncDispose]()')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    const [started] = events()
    expect(isAlive(started?.pid ?? 0)).toBe(false)
    expect(['terminated', 'orphaned']).toContain(events().at(-1)?.what)
  })
})
