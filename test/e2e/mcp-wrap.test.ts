import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readEvidenceLogs } from '@capiscio/core'
import { Client as ClientV2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashApiKey } from '../../core/src/domain/guard/api-keys.ts'

const MAIN = join(import.meta.dirname, '../../core/dist/main.js')
const SERVER = join(import.meta.dirname, '../fakes/mcp/matrix-server.ts')
const KEY = 'canary-api-key'

let folder: string
let env: Record<string, string>
let grace: readonly string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-wrap-'))
  await writeFile(
    join(folder, 'policy.yaml'),
    'version: 1\ndefault: { minTrustLevel: 0 }\ntools:\n  - match: ["guarded"]\n    deny: true\n',
  )
  await writeFile(join(folder, 'capiscio.yaml'), `apiKeys:\n  - name: desk\n    hash: ${hashApiKey(KEY)}\n`)
  grace = []
  env = {
    HOME: folder,
    PATH: process.env.PATH ?? '',
    CAPISCIO_STATE_DIR: join(folder, 'state'),
    CAPISCIO_EVIDENCE_DIR: join(folder, 'evidence'),
    CAPISCIO_CALLER_API_KEY: KEY,
  }
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const wrapArgs = (...server: string[]): string[] => [
  ...[MAIN, 'mcp', 'wrap', '--config', join(folder, 'capiscio.yaml'), '--policy', join(folder, 'policy.yaml')],
  ...[...grace, '--', process.execPath, ...server],
]

async function records(): Promise<Record<string, unknown>[]> {
  const found = []
  for await (const { leaf } of readEvidenceLogs({ root: join(folder, 'evidence') })) {
    found.push(JSON.parse(new TextDecoder().decode(leaf)))
  }
  return found
}

const MODERN = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const

describe.each([
  ['v1', 'v1'],
  ['v2 legacy', 'v2'],
  ['v2 modern', 'v2'],
] as const)('a plain server behind the wrapper, met by a client of %s', (kind, sdk) => {
  it('runs what the policy allows, hides and denies the rest, and leaves evidence', async () => {
    const params = { command: process.execPath, args: wrapArgs(SERVER, sdk, 'plain'), env, stderr: 'inherit' } as const
    const mcp = (
      kind === 'v1'
        ? new ClientV1({ name: 'c', version: '1' })
        : new ClientV2({ name: 'c', version: '1' }, kind === 'v2 modern' ? MODERN : {})
    ) as ClientV2
    await mcp.connect((kind === 'v1' ? new StdioV1(params) : new StdioV2(params)) as never)
    try {
      expect((await mcp.listTools()).tools.map(({ name }) => name)).toEqual(['open'])
      const opened = await mcp.callTool({ name: 'open', arguments: { a: 1 } })
      expect(opened).toMatchObject({
        content: [{ type: 'text', text: 'open' }],
        _meta: { 'io.capisc/evidence': { evidenceId: expect.stringMatching(/^[0-9a-f-]{36}$/) } },
      })
      expect(await mcp.callTool({ name: 'guarded', arguments: {} })).toMatchObject({
        isError: true,
        _meta: { 'io.capisc/denial': { code: 'TOOL_POLICY_DENIED' } },
      })
    } finally {
      await mcp.close()
    }
    const decisions = (await records()).filter((record) => record['event.name'] === 'capiscio.tool_invocation')
    expect(decisions).toMatchObject([
      { 'capiscio.target': 'open', 'capiscio.decision': 'ALLOW', 'capiscio.agent.did': 'apikey:desk' },
      { 'capiscio.target': 'guarded', 'capiscio.decision': 'DENY', 'capiscio.deny_reason': 'TOOL_POLICY_DENIED' },
    ])
  })
})

/** Starts the wrapper around a program and speaks lines with it. */
function speak(program: string) {
  const child = spawn(process.execPath, wrapArgs('-e', program), { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  return {
    child,
    send: (line: string) => void child.stdin.write(`${line}\n`),
    lines: () =>
      out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    ended: once(child, 'exit').then(([code]) => code as number),
  }
}

/** A server that answers every request with what it got, and its environment. */
const ECHO = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line)
  if (message.id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { got: message, env: Object.keys(process.env) } }))
})`

describe('the wrapper', () => {
  it('shows the server neither the caller’s credential nor our settings', async () => {
    const { send, lines, child, ended } = speak(ECHO)
    send(
      JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'open', arguments: { a: 1 }, _meta: { capiscio_caller_api_key: KEY, other: 1 } },
      }),
    )
    await expect.poll(lines, { timeout: 10_000 }).toHaveLength(1)
    const [answer] = lines()
    expect(answer.result.got.params).toEqual({ name: 'open', arguments: { a: 1 }, _meta: { other: 1 } })
    expect(answer.result.env.filter((name: string) => name.startsWith('CAPISCIO_'))).toEqual([])
    child.stdin.end()
    expect(await ended).toBe(0)
  })

  it('answers what is no message, and goes on', async () => {
    const { send, lines, child, ended } = speak(ECHO)
    send('not json')
    send('[{"jsonrpc":"2.0","id":1,"method":"ping"}]')
    send('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","arguments":{"row":9007199254740993}}}')
    send(JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: {} }))
    send(`{"x":"${'a'.repeat(17 * 1024 * 1024)}"}`)
    send(JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'ping' }))
    await expect.poll(() => lines().length, { timeout: 20_000 }).toBe(6)
    expect(lines().map(({ id, error }) => [id, error?.code])).toEqual([
      [null, -32_700],
      [null, -32_600],
      [null, -32_600],
      [2, -32_600],
      [null, -32_600],
      [3, undefined],
    ])
    child.stdin.end()
    expect(await ended).toBe(0)
  })

  it('keeps from the server every call that it could not decide', async () => {
    // The most lenient of servers: it tells whatever it reads.
    const { send, lines, child, ended } = speak(`require('node:readline').createInterface({ input: process.stdin })
      .on('line', (line) => console.log(JSON.stringify({ method: 'notifications/got', params: { line } })))`)
    const params = '{"name":"guarded","arguments":{}}'
    const tricks = [
      `{"jsonrpc":"2.0","method":"tools/call","params":${params}}`,
      `{"jsonrpc":"2.0","id":null,"method":"tools/call","params":${params}}`,
      `{"jsonrpc":"2.0","id":{},"method":"tools/call","params":${params}}`,
      `{"jsonrpc":"2.0","id":1e999,"method":"tools/call","params":${params}}`,
      `{"jsonrpc":"2.0","id":4,"method":"tools/call","result":{},"params":${params}}`,
      `{"jsonrpc":"2.0","id":5,"method":"Tools/Call","params":${params}}`,
      `{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"open","Name":"guarded"}}`,
      `{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call","params":${params}}`,
      `{"jsonrpc":"2.0","id":8,"result":{},"Method":"tools/call","Params":${params}}`,
      `{"jsonrpc":"2.0","id":9,"method":"ping"}`,
    ]
    for (const trick of tricks) send(trick)
    await expect.poll(() => JSON.stringify(lines()), { timeout: 10_000 }).toContain('ping')
    const reached = lines().filter(({ method }) => method === 'notifications/got')
    expect(reached.map(({ params: { line } }) => JSON.parse(line))).toEqual([
      { jsonrpc: '2.0', id: 8, result: {} },
      { jsonrpc: '2.0', id: 9, method: 'ping' },
    ])
    child.stdin.end()
    expect(await ended).toBe(0)
  })

  it('ends as the server does', async () => {
    expect(await speak('process.exit(7)').ended).toBe(7)
    const { child, ended, lines } = speak(
      `console.log('{"method":"notifications/ready"}'); setInterval(() => {}, 1000)`,
    )
    await expect.poll(lines, { timeout: 10_000 }).toHaveLength(1)
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
  })

  /** A server that says it has begun a call, ends it when it is told, and answers everything else at once. */
  const SLOW = `let id
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const message = JSON.parse(line)
      if (message.method === 'tools/call') { id = message.id; console.log('{"method":"notifications/begun"}') }
      else if (message.id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }))
      else console.log(JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } }))
    })`
  const callOpen = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open"}}'

  async function outcomes(): Promise<unknown[]> {
    const told = (await records()).filter((record) => record['event.name'] === 'capiscio.tool_outcome')
    return told.map((record) => record['io.capisc.result'])
  }

  it('lets a call end when it is told to stop, takes no more, and records the outcome', async () => {
    const { send, lines, child, ended } = speak(SLOW)
    send(callOpen)
    await expect.poll(lines, { timeout: 10_000 }).toHaveLength(1)
    child.kill('SIGTERM')
    let id = 1
    await expect
      .poll(() => {
        id += 1
        send(JSON.stringify({ jsonrpc: '2.0', id, method: 'prompts/list' }))
        return lines().find(({ error }) => error !== undefined)
      })
      .toMatchObject({ error: { code: -32_603, message: expect.stringContaining('being stopped') } })
    send('{"jsonrpc":"2.0","method":"notifications/finish"}')
    expect(await ended).toBe(143)
    expect(lines().find(({ id }) => id === 1)).toMatchObject({ result: { content: [] } })
    expect(await outcomes()).toEqual(['ok'])
  })

  it('ends at once when it is told twice, and records the call as failed', async () => {
    const { send, lines, child, ended } = speak(`process.on('SIGTERM', () => {}); ${SLOW}`)
    send(callOpen)
    await expect.poll(lines, { timeout: 10_000 }).toHaveLength(1)
    child.kill('SIGTERM')
    child.kill('SIGINT')
    expect(await ended).toBe(137)
    expect(await outcomes()).toEqual(['error'])
  })

  it('waits no longer than it was told to, also for a server that does not hear', async () => {
    grace = ['--grace', '0']
    const { send, lines, child, ended } = speak(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); ${SLOW}`)
    send(callOpen)
    await expect.poll(lines, { timeout: 10_000 }).toHaveLength(1)
    child.kill('SIGTERM')
    expect(await ended).toBe(137)
    expect(await outcomes()).toEqual(['error'])
  })

  it('records a call as failed whose server ended', async () => {
    const { send, ended } = speak(`process.stdin.once('data', () => process.exit(3))`)
    send(callOpen)
    expect(await ended).toBe(3)
    expect(await outcomes()).toEqual(['error'])
  })

  it('ends with a client that reads no more', async () => {
    const { child, ended } = speak(
      `process.stdin.resume(); setInterval(() => console.log('{"method":"notifications/more"}'), 10)`,
    )
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect([await ended, err]).toEqual([143, ''])
  })

  it('does not start on a policy that is none', async () => {
    await writeFile(join(folder, 'policy.yaml'), 'version: 7\n')
    const { child, ended } = speak(ECHO)
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    expect(await ended).toBe(1)
    expect(err).toContain('policy.yaml')
    expect(err).not.toContain(KEY)
  })

  /** Runs `capiscio mcp wrap` to its end. */
  async function wrapped(...args: string[]) {
    const child = spawn(process.execPath, [MAIN, 'mcp', 'wrap', ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    const [code] = await once(child, 'exit')
    return { code, err }
  }

  const policy = (): string[] => ['--policy', join(folder, 'policy.yaml')]
  const END = [process.execPath, '-e', '0']

  it('says in one line that a program cannot be started', async () => {
    const missing = await wrapped(...policy(), '--', 'no-such-program-anywhere')
    expect(missing).toEqual({
      code: 1,
      err: 'capiscio: The server cannot be started: no-such-program-anywhere: there is no such program\n',
    })
    expect(await wrapped(...policy(), '--', folder)).toEqual({
      code: 1,
      err: `capiscio: The server cannot be started: ${folder}: it may not be run\n`,
    })
  })

  it('refuses a server identity that nobody could verify', async () => {
    const alone = { code: 1, err: 'capiscio: --badge and --key need --did\n' }
    expect(await wrapped(...policy(), '--badge', 'b.jwt', '--', ...END)).toEqual(alone)
    expect(await wrapped(...policy(), '--key', 'k.pem', '--', ...END)).toEqual(alone)
    expect(await wrapped(...policy(), '--did', 'files', '--', ...END)).toEqual({
      code: 1,
      err: 'capiscio: The text is not a DID: it must read did:METHOD:ID\n',
    })
  })

  it('starts without its badge, and says so', async () => {
    const badge = join(folder, 'badge.jwt')
    const did = [...policy(), '--did', 'did:web:a.example.com', '--badge', badge, '--', ...END]
    const { code, err } = await wrapped(...did)
    expect([code, err.trimEnd().split('\n')]).toEqual([0, [expect.stringContaining(`ENOENT`)]])
    expect(err).toContain(badge)
    await writeFile(badge, 'soon')
    expect(await wrapped(...did)).toEqual({ code: 0, err: '' })
  })

  it('says that without a policy it only records', async () => {
    const { code, err } = await wrapped('--', ...END)
    expect([code, err.trimEnd().split('\n')]).toEqual([0, [expect.stringMatching(/there is no policy.*see --policy/)]])
    expect(await wrapped(...policy(), '--', ...END)).toEqual({ code: 0, err: '' })
  })

  it('ends with the client that reads no more, and its server with it', async () => {
    const { child, lines, send, ended } = speak(ECHO)
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }))
    await expect.poll(lines, { timeout: 10_000 }).toHaveLength(1)
    child.stdout.destroy()
    send(JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'open', arguments: {} } }))
    expect([await ended, err]).toEqual([143, ''])
    expect(await records()).toMatchObject([{ 'capiscio.decision': 'ALLOW' }, { 'event.name': 'capiscio.tool_outcome' }])
  })
})
