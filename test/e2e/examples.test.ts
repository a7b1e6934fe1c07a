import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readEvidenceLogs } from '@capiscio/core'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { credentialToMeta } from '../../sdk-node/src/index.ts'
import { buildServer } from '../fakes/mcp/matrix-server.ts'
import { serveMcp } from '../fakes/mcp/serve-mcp.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'

const example = (name: string): string => join(import.meta.dirname, '../../examples', name)

let core: CoreProcess
let env: Record<string, string>

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-examples-')))
  env = { PATH: process.env.PATH ?? '', CAPISCIO_CORE_ADDR: core.address }
})

afterAll(async () => {
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

async function decisionsOf(tool: string): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const { leaf } of readEvidenceLogs({ root: join(core.folder, 'evidence') })) {
    const record = JSON.parse(new TextDecoder().decode(leaf))
    if (record['capiscio.target'] === tool && 'capiscio.decision' in record) found.push(record['capiscio.decision'])
  }
  return found
}

describe('the example of a file system server', () => {
  const server = (root: string) =>
    new StdioClientTransport({
      command: process.execPath,
      args: [example('filesystem-server/server.ts'), root],
      env,
      stderr: 'inherit',
    })

  it('lets callers do what their level allows, below its folder and nowhere else', async () => {
    const root = join(core.folder, 'served')
    await mkdir(join(root, 'deeper'), { recursive: true })
    await writeFile(join(root, 'plan.txt'), 'the plan')
    await writeFile(join(root, 'deeper', 'note.txt'), 'a note')
    await writeFile(join(root, 'large.txt'), 'x'.repeat(2 ** 20 + 1))
    await writeFile(join(root, 'largest.txt'), 'x'.repeat(2 ** 20))
    await writeFile(join(core.folder, 'outside.txt'), 'not served')
    await mkdir(`${root}-beside`)
    await writeFile(join(`${root}-beside`, 'near.txt'), 'not served')
    await symlink(join(core.folder, 'outside.txt'), join(root, 'link.txt'))
    await symlink(join(core.folder, 'made-outside.txt'), join(root, 'dangling.txt'))
    await symlink(core.folder, join(root, 'link'))

    const mcp = new Client({ name: 'c', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await mcp.connect(server(root))
    try {
      const as = async (level: number) =>
        credentialToMeta({ badge: await devCredential(core.folder, 'badges', `level-${level}.jwt`) })
      const call = async (level: number, name: string, args: Record<string, string> = {}) => {
        const { isError = false, content } = await mcp.callTool({ name, arguments: args, _meta: await as(level) })
        return { isError, text: (content as { text: string }[])[0]?.text }
      }

      const namesFor = async (_meta: object) =>
        (await mcp.request({ method: 'tools/list', params: { _meta: { ..._meta } } })).tools.map(({ name }) => name)
      expect(await namesFor({})).toEqual(['list_files'])
      expect(await namesFor(await as(2))).toEqual(['list_files', 'read_file'])
      expect(await namesFor(await as(3))).toEqual(['list_files', 'read_file', 'write_file'])

      expect((await call(1, 'list_files')).text?.split('\n')).toContain('plan.txt')
      expect(await call(2, 'read_file', { name: 'plan.txt' })).toEqual({ isError: false, text: 'the plan' })
      expect(await call(2, 'read_file', { name: 'deeper/../deeper/note.txt' })).toMatchObject({ text: 'a note' })
      expect(await call(1, 'read_file', { name: 'plan.txt' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('TRUST_INSUFFICIENT'),
      })
      expect(await call(2, 'read_file', { name: 'largest.txt' })).toMatchObject({ isError: false })
      expect(await call(2, 'read_file', { name: 'large.txt' })).toMatchObject({ isError: true })
      const out = [
        '../outside.txt',
        '../served-beside/near.txt',
        join(core.folder, 'outside.txt'),
        'link.txt',
        'link/outside.txt',
        '.',
        '..',
        '',
      ]
      for (const name of out) {
        const refused = await call(2, 'read_file', { name })
        expect(refused, name).toMatchObject({ isError: true })
        expect(refused.text, name).not.toContain('not served')
      }

      const wanted = { name: 'new.txt', text: 'written' }
      expect(await call(2, 'write_file', wanted)).toMatchObject({ isError: true })
      await expect(readFile(join(root, 'new.txt'))).rejects.toThrow('ENOENT')
      expect(await call(3, 'write_file', wanted)).toMatchObject({ isError: false })
      expect(await readFile(join(root, 'new.txt'), 'utf8')).toBe('written')
      for (const name of ['link/new.txt', '../new.txt', 'dangling.txt', 'link.txt']) {
        expect(await call(3, 'write_file', { name, text: 'written' }), name).toMatchObject({ isError: true })
      }
      expect(await readdir(core.folder)).not.toContain('new.txt')
      expect(await readdir(core.folder)).not.toContain('made-outside.txt')
      expect(await call(3, 'write_file', { name: 'plan.txt', text: 'written' })).toMatchObject({ isError: true })
      expect(await readFile(join(root, 'plan.txt'), 'utf8')).toBe('the plan')
      expect(await decisionsOf('write_file')).toEqual(['DENY', ...Array(6).fill('ALLOW')])
    } finally {
      await mcp.close()
    }
  })
})

/** How a listing is answered that was sent to `url` under another host name. */
async function statusFor(url: string, host: string): Promise<number | undefined> {
  const sent = request(url, {
    method: 'POST',
    headers: { host, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  })
  sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

describe('the examples of an HTTP server and a client', () => {
  /** The client's exit code and what it printed. */
  async function runClient(url: string) {
    const child = spawn(process.execPath, [example('client/client.ts'), url, core.folder], { env })
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        printed += chunk
      })
    }
    const [code] = await once(child, 'close')
    return { code, printed }
  }

  it('verify each other, run what the badge allows, and leave evidence of what it does not', async () => {
    const child = spawn(process.execPath, [example('http-server/server.ts'), core.folder], {
      env: { ...env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
      const { code, printed } = await runClient(url)
      expect(printed.split('\n')).toEqual([
        'did:web:registry.capiscio.invalid:servers:example-server is verified, trust level 1',
        'tools: opening_hours, read_orders',
        expect.stringMatching(/^read_orders: 3 orders \(evidence [0-9a-f-]{36}\)$/),
        expect.stringMatching(/^delete_orders: Denied: TRUST_INSUFFICIENT\. .* \(evidence [0-9a-f-]{36}\)$/),
        '',
      ])
      expect(code).toBe(0)
      expect(await decisionsOf('read_orders')).toEqual(['ALLOW'])
      expect(await decisionsOf('delete_orders')).toEqual(['DENY'])

      expect(await statusFor(url, 'attacker.example')).toBe(403)
      expect(await statusFor(url, 'localhost')).toBe(200)
    } finally {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  })

  it('part where the server says nothing about itself', async () => {
    const builders = { v1: () => buildServer('v1', undefined), v2: () => buildServer('v2', undefined) }
    await using plain = await serveMcp('v2', builders)
    const { code, printed } = await runClient(plain.url)
    expect(printed).toContain('This server is not as demanded: SERVER_IDENTITY_MISSING.')
    expect(code).toBe(1)
  })
})
