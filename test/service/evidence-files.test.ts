import { mkdirSync, readdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { CoreService, EvidenceService } from '@capiscio/proto/core/v1'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { openCheckpoint } from '../../core/src/domain/evidence/checkpoint.ts'
import { decodeBundle } from '../../core/src/domain/evidence/entry-bundle.ts'
import { leafHash, rootOf } from '../../core/src/domain/evidence/merkle.ts'
import { tileFilesOf, tilePath } from '../../core/src/domain/evidence/tile-path.ts'
import { parseVerifierKey } from '../../core/src/domain/evidence/verifier-key.ts'
import { type CoreProcess, startDevCore } from '../tools/core-process.ts'
import { createRawClient } from '../tools/raw-client.ts'

const APP = 'https://app.example.com'
const SIZE = 300

let core: CoreProcess
let root: string
let directory: string
let vkey: string

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-files-'))
  const start = () => startDevCore(folder, ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--allow-origin', APP])
  core = await start()
  using client = createRawClient(core.address)
  const ask = () => client.call(CoreService.method.evaluateToolAccess, { toolName: 'secret_tool' })
  await Promise.all(Array.from({ length: SIZE }, ask))
  // Everything is published at a graceful stop.
  expect(await core.stop()).toBe(0)
  core = await start()
  using again = createRawClient(core.address)
  vkey = (await again.call(EvidenceService.method.getCheckpoint, {})).vkey
  const logs = join(realpathSync(folder), 'evidence', 'logs')
  const [name = ''] = readdirSync(logs)
  root = `/evidence/${name}/`
  directory = join(logs, name)
})

afterAll(async () => {
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number | undefined
  readonly headers: Record<string, unknown>
  readonly body: Buffer
}

/** One request with exactly this path, which `fetch` would tidy up. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(core.http)
  return new Promise((resolve, reject) => {
    const sent = request({ method, hostname, port, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('a checker on this machine', () => {
  it('gets every file that the checkpoint implies, and their entries have its root', async () => {
    const { body, headers } = await get(`${root}checkpoint`)
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' })
    const key = parseVerifierKey(vkey)
    const checkpoint = openCheckpoint(body, key.name, [key], createNodeEd25519Verifier({ maxKeys: 1 }))
    expect(checkpoint.size).toBe(SIZE)
    const hashes: Uint8Array[] = []
    for (const file of tileFilesOf(SIZE)) {
      const answer = await get(root + tilePath(file))
      expect([tilePath(file), answer.status]).toEqual([tilePath(file), 200])
      if (file.kind === 'entries') hashes.push(...(decodeBundle(answer.body, file.width) ?? []).map(leafHash))
    }
    expect(Buffer.from(rootOf(hashes))).toEqual(Buffer.from(checkpoint.root))
  })

  it.each([
    ['tile/0/000', 'public, max-age=31536000, immutable'],
    ['tile/0/001.p/44', 'public, max-age=60'],
    ['tile/1/000.p/1', 'public, max-age=60'],
    ['tile/entries/000', 'private, max-age=31536000, immutable'],
    ['tile/entries/001.p/44', 'private, max-age=60'],
  ])('is told of %s how long it stays as it is: %s', async (path, cacheControl) => {
    const { status, headers } = await get(root + path)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'cache-control': cacheControl,
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    })
  })

  it('may ask for headers only', async () => {
    const { status, headers, body } = await get(`${root}tile/0/000`, {}, 'HEAD')
    expect([status, headers['content-length'], body.length]).toEqual([200, '8192', 0])
  })

  it('cannot do anything but read', async () => {
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await get(`${root}checkpoint`, {}, method)).status).toBe(405)
  })
})

describe('everything else in the log folder', () => {
  it.each([
    'log.json',
    'lock',
    'journal',
    'journal/00000000000000000000.wal',
    '',
    'tile',
    'tile/0',
    'tile/0/001',
    'tile/0/001.p/43',
    'tile/0/000.p/256',
    'tile/00/000',
    'tile/0/x000/000',
    'tile/64/000',
    'tile/entries/002',
    'checkpoint/',
    'checkpoint.tmp',
    './checkpoint',
    '../checkpoint',
    'tile/../checkpoint',
    'tile/0/..%2f..%2flog.json',
    '%63heckpoint',
    'tile//0/000',
    'tile\\0\\000',
    'checkpoint%00',
  ])('%j is not there', async (path) => {
    const { status, body } = await get(root + path)
    expect([status, body.toString()]).toEqual([404, `No such file. The log begins at ${root}checkpoint.\n`])
  })

  it('other logs are not there', async () => {
    expect((await get('/evidence/0000000000000000/checkpoint')).status).toBe(404)
    expect((await get('/evidence/')).status).toBe(404)
    expect((await get(`${root.slice(0, -1)}x/checkpoint`)).status).toBe(404)
    expect((await get('/evidence')).status).toBe(404)
  })

  it('a symbolic link in place of a file or folder leads nowhere', async () => {
    const secret = join(core.folder, 'secret')
    mkdirSync(secret)
    writeFileSync(join(secret, '000'), 'secret')
    const tile = join(directory, 'tile', '0', '000')
    renameSync(tile, `${tile}.kept`)
    symlinkSync(join(secret, '000'), tile)
    expect((await get(`${root}tile/0/000`)).status).toBe(404)
    renameSync(`${tile}.kept`, tile)
    const level = join(directory, 'tile', '5')
    symlinkSync(secret, level)
    expect((await get(`${root}tile/5/000`)).status).toBe(404)
    expect(dirname(level)).toBe(join(directory, 'tile'))
  })
})

describe('entries, which say who called what', () => {
  it.each<[string, Record<string, string>]>([
    ['of an allowed origin', { origin: APP }],
    ['that embeds them', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'script' }],
    ['of the same machine', { 'sec-fetch-site': 'same-site' }],
    ['of the core itself', { 'sec-fetch-site': 'same-origin' }],
    ['that links to them', { referer: 'https://app.example.com/' }],
  ])('are not for a page %s', async (_what, headers) => {
    const { status, body } = await get(`${root}tile/entries/000`, headers)
    expect(status).toBe(403)
    expect(body.toString()).not.toContain('secret_tool')
  })

  it('are shown to a person who types their address', async () => {
    expect((await get(`${root}tile/entries/000`, { 'sec-fetch-site': 'none' })).status).toBe(200)
  })

  it('are not needed to check a receipt: pages of an allowed origin get checkpoint and hashes', async () => {
    const { status, headers } = await get(`${root}checkpoint`, { origin: APP })
    expect([status, headers['access-control-allow-origin']]).toEqual([200, APP])
    expect((await get(`${root}tile/0/000`, { origin: APP })).status).toBe(200)
  })

  it('and everything else is refused to other origins and other hosts', async () => {
    expect((await get(`${root}checkpoint`, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await get(`${root}checkpoint`, { host: 'evil.example' })).status).toBe(403)
  })
})
