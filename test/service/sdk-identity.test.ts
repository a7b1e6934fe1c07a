import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  evaluateToolAccessSync,
  generateServerKeypairSync,
  guardSync,
  keepBadge,
  RegistrationError,
  registerServerIdentity,
  registerServerIdentitySync,
  ServerIdentity,
  setupServerIdentity,
  setupServerIdentitySync,
  verifyServerSync,
  withCredential,
} from '@capiscio/mcp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createKeptTime } from '../fakes/kept-time.ts'
import { ISSUER, type RegistryWorld, START_MS, startRegistryWorld } from '../fakes/registry-world.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'

let world: RegistryWorld
let apiKey: string
let registry: { apiKey: string; caUrl: string; issuer: string }
let folder: string
const WEB = { badgesPerHour: '10000' }

beforeAll(async () => {
  world = await startRegistryWorld({ flags: WEB })
  apiKey = await world.addKey('ci', 'default', ['agents:write', 'servers:write', 'badges:issue'])
  registry = { apiKey, caUrl: world.registry.url, issuer: ISSUER }
})
afterAll(async () => world?.[Symbol.asyncDispose]())

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-identity-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
async function newServer(): Promise<string> {
  const id = `server-${count++}`
  await world.call('POST', '/v1/sdk/servers', { body: { id, name: id } })
  return id
}
/** The registry's clock stands still, so badges and proofs are made by it. */
const time = { nowMs: () => world.clock.nowMs(), after: createKeptTime(START_MS).after, random: () => 0 }

describe('registerServerIdentity', () => {
  it('registers, says what was so before, and refuses another key', async () => {
    const serverId = await newServer()
    const { didKey: did, publicKeyPem: publicKey } = generateServerKeypairSync()
    const first = await registerServerIdentity({ ...registry, serverId, did, publicKey })
    expect(first).toEqual({ serverId, did, status: 'registered', proven: false, orgId: 'default' })
    const again = await registerServerIdentity({ ...registry, serverId, did, publicKey })
    expect(again.status).toBe('already-registered')
    const other = generateServerKeypairSync()
    await expect(
      registerServerIdentity({ ...registry, serverId, did: other.didKey, publicKey: other.publicKeyPem }),
    ).rejects.toMatchObject({ name: 'RegistrationError', code: 'REGISTRY_REFUSED', statusCode: 409 })
  })

  it('makes a record only when told to, and tells other refusals by their status', async () => {
    const { didKey: did, publicKeyPem: publicKey } = generateServerKeypairSync()
    const options = { ...registry, serverId: 'not-there', did, publicKey }
    await expect(registerServerIdentity(options)).rejects.toMatchObject({ statusCode: 404 })
    expect(await registerServerIdentity({ ...options, create: true })).toMatchObject({ status: 'created' })
    const wrongKey = await registerServerIdentity({ ...options, apiKey: 'cpr_secret_wrong' }).catch((error) => error)
    expect(wrongKey).toMatchObject({ statusCode: 401 })
    expect(inspect(wrongKey)).not.toContain('cpr_secret_wrong')
    const bad = registerServerIdentity({ ...options, did: 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw' })
    await expect(bad).rejects.toMatchObject({ statusCode: 400, registryCode: 'key_did_mismatch' })
    const nowhere = registerServerIdentity({ ...options, caUrl: 'http://127.0.0.1:1' })
    await expect(nowhere).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', statusCode: undefined })
  })

  it('refuses options that cannot be meant, and asks nobody by default', async () => {
    const { didKey: did, publicKeyPem: publicKey, privateKeyPem } = generateServerKeypairSync()
    const options = { ...registry, serverId: 'a', did, publicKey }
    for (const [wrong, said] of [
      [{ caUrl: 'http://registry.example.com' }, 'https'],
      [{ caUrl: 'https://user:pass@registry.example.com' }, 'no user'],
      [{ caUrl: 'registry.example.com' }, 'URL'],
      [{ caUrl: undefined }, 'CAPISCIO_SERVER_URL'],
      [{ issuer: 'https://registry.example.com/' }, 'issuer'],
      [{ apiKey: '' }, 'apiKey'],
      [{ apiKey: 'a\nb' }, 'apiKey'],
      [{ serverId: '' }, 'serverId'],
      [{ did: 'me' }, 'did'],
      [{ publicKey: 7 }, 'publicKey'],
      [{ publicKey: privateKeyPem }, 'private key'],
      [{ privateKey: publicKey }, 'private key'],
      [{ create: 1 }, 'create'],
      [{ name: '' }, 'name'],
      [{ timeoutMs: 0 }, 'timeoutMs'],
      [{ unknown: 1 }, 'unknown'],
    ] as const) {
      const refused = registerServerIdentity({ ...options, ...wrong } as never)
      await expect(refused, said).rejects.toThrow(TypeError)
      await expect(refused).rejects.toThrow(said)
    }
  })
})

describe('setupServerIdentity', () => {
  it('keeps the key before it is registered, and uses it again', async () => {
    const serverId = 'set-up'
    const options = { ...registry, serverId, outputDir: folder }
    await expect(setupServerIdentity(options)).rejects.toBeInstanceOf(RegistrationError)
    const path = join(folder, 'set-up.pem')
    const pem = readFileSync(path, 'utf8')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await world.call('POST', '/v1/sdk/servers', { body: { id: serverId, name: serverId } })
    world.clock.setWall(Date.now())
    const done = await setupServerIdentity(options)
    expect(done).toMatchObject({ status: 'registered', proven: true, privateKeyPem: pem, keyId: 'set-up' })
    chmodSync(path, 0o644)
    await expect(setupServerIdentity(options)).rejects.toMatchObject({ code: 'KEY_GENERATION_FAILED' })
  })
})

describe('ServerIdentity', () => {
  const connect = (more: object) => ServerIdentity.connect({ ...registry, keysDir: folder, time, ...more } as never)
  beforeEach(() => world.clock.setWall(Date.now()))

  it('goes from nothing to a badge, changes no environment, and shows no secret', async () => {
    const serverId = await newServer()
    const before = { ...process.env }
    await using identity = await connect({ serverId })
    expect(identity.status).toEqual({
      key: 'made',
      registration: 'registered',
      proven: true,
      badge: 'issued',
      badgeError: undefined,
    })
    expect(process.env).toEqual(before)
    const pem = readFileSync(join(folder, 'private_key.pem'), 'utf8')
    expect(identity.revealPrivateKeyPem()).toBe(pem)
    const badge = await identity.getBadge()
    const shown = [inspect(identity, { depth: 9 }), JSON.stringify(identity), JSON.stringify(Object.entries(identity))]
    for (const text of shown)
      for (const secret of [apiKey, badge, pem.split('\n')[1] ?? '']) expect(text).not.toContain(secret)
    expect(identity.disclosure({ origin: 'https://mcp.example.com' })).toMatchObject({ did: identity.did })
  })

  it.each(['private_key.pem', 'public_key.pem', 'did.txt'])('completes what a crash left without %s', async (name) => {
    const serverId = await newServer()
    const first = await connect({ serverId, autoBadge: false })
    expect(first.status.badge).toBe('off')
    expect(() => first.getBadge()).toThrow(TypeError)
    if (name === 'private_key.pem') {
      for (const file of ['public_key.pem', 'did.txt']) rmSync(join(folder, file))
    } else rmSync(join(folder, name))
    const second = await connect({ serverId, autoBadge: false })
    expect(second).toMatchObject({ did: first.did, status: { key: 'kept', registration: 'already-registered' } })
    expect(existsSync(join(folder, name))).toBe(true)
  })

  it('refuses a folder whose files belong to different keys, or whose key others can read', async () => {
    const serverId = await newServer()
    await connect({ serverId, autoBadge: false })
    const { privateKeyPem } = generateServerKeypairSync()
    await expect(connect({ serverId, privateKeyPem })).rejects.toThrow('holds another key')
    writeFileSync(join(folder, 'did.txt'), 'did:key:z6Mk')
    await expect(connect({ serverId })).rejects.toThrow('belongs to another key')
    chmodSync(join(folder, 'private_key.pem'), 0o640)
    await expect(connect({ serverId })).rejects.toThrow('chmod 600')
    writeFileSync(join(folder, 'private_key.pem'), 'nothing', { mode: 0o600 })
    chmodSync(join(folder, 'private_key.pem'), 0o600)
    await expect(connect({ serverId })).rejects.toThrow('holds no Ed25519 private key')
  })

  it('is no success when another key is registered, or nobody answers', async () => {
    const serverId = await newServer()
    await connect({ serverId, autoBadge: false })
    const elsewhere = join(folder, 'other')
    await expect(connect({ serverId, keysDir: elsewhere })).rejects.toMatchObject({ statusCode: 409 })
    const away = connect({ serverId, caUrl: 'http://127.0.0.1:1' })
    await expect(away).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
    await expect(connect({ serverId: '../up', keysDir: undefined })).rejects.toThrow('cannot name a folder')
  })

  it('says so when the badge is still missing', async () => {
    const serverId = await newServer()
    const limited = await world.addKey(`limited-${serverId}`, 'default', ['servers:write'])
    const after = (ms: number, callback: () => void) => {
      const timer = setTimeout(callback, Math.min(ms, 50))
      return () => clearTimeout(timer)
    }
    const waiting = { ...time, after, nowMs: Date.now }
    await using identity = await connect({ serverId, apiKey: limited, time: waiting, badgeTimeoutMs: 50 })
    expect(identity.status).toMatchObject({ badge: 'pending', badgeError: { code: 'BADGE_NOT_ISSUED' } })
  })

  it('is made from the environment, and says what is missing there', async () => {
    const serverId = await newServer()
    const { privateKeyPem } = generateServerKeypairSync()
    const names = ['CAPISCIO_SERVER_ID', 'CAPISCIO_API_KEY', 'CAPISCIO_SERVER_URL', 'CAPISCIO_SERVER_PRIVATE_KEY_PEM']
    try {
      await expect(ServerIdentity.fromEnv()).rejects.toThrow('CAPISCIO_SERVER_ID')
      const values = [serverId, apiKey, registry.caUrl, privateKeyPem.replaceAll('\n', '\\n')]
      for (const [index, name] of names.entries()) process.env[name] = values[index]
      const identity = await ServerIdentity.fromEnv({ keysDir: folder, issuer: ISSUER, autoBadge: false })
      expect(identity).toMatchObject({ serverId, status: { key: 'given', proven: true } })
    } finally {
      for (const name of names) delete process.env[name]
    }
  })
})

describe('a kept badge', () => {
  it('is never expired over ten lives of a server under load, also when the registry is away for three of them', async () => {
    const from = world.clock.nowMs()
    await world.call('POST', '/v1/sdk/agents', {
      body: { id: 'kept', name: 'kept', publicKey: '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=' },
    })
    const timer = createKeptTime(from)
    let sent = 0
    let away = false
    const real = globalThis.fetch
    const pending = new Set<Promise<unknown>>()
    // Cut off here: the registry itself must go on answering the load.
    globalThis.fetch = (async (input: string, init?: RequestInit) => {
      if (!String(input).endsWith('/agents/kept/badge')) return real(input, init)
      sent++
      const answer = away ? Promise.reject(new TypeError('fetch failed')) : real(input, init)
      pending.add(answer)
      return answer
    }) as typeof fetch
    try {
      await using keeper = keepBadge({
        ...registry,
        agentId: 'kept',
        ttlSeconds: 60,
        time: { nowMs: () => world.clock.nowMs(), after: timer.after, random: () => 0 },
      })
      const settled = async (): Promise<void> => {
        await Promise.allSettled(pending)
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
        pending.clear()
      }
      const load = async (): Promise<string> => {
        try {
          const token = keeper.current()
          return (await world.call('POST', '/v1/validate', { body: { token } })).body.error ?? 'valid'
        } catch (error) {
          return (error as { code: string }).code
        }
      }
      await settled()
      const seen: string[] = []
      for (let step = 0; step < 60 * 13; step += 2) {
        // Up for five lives, away for three, up for five.
        away = step >= 300 && step < 480
        world.clock.advance(2000)
        await timer.pass(2)
        await settled()
        seen.push(await load())
      }
      const [before, during, after] = [seen.slice(0, 150), seen.slice(150, 240), seen.slice(260)]
      expect(new Set([...before, ...after])).toEqual(new Set(['valid']))
      expect(new Set(during)).toEqual(new Set(['valid', 'BADGE_EXPIRED']))
      // Back-off: an attempt at least every half minute, and no storm.
      expect(sent).toBeGreaterThan(15)
      expect(sent).toBeLessThan(60)
    } finally {
      globalThis.fetch = real
    }
  })

  it('refuses options that cannot be meant', () => {
    for (const wrong of [
      {},
      { agentId: 'a', serverId: 'b' },
      { agentId: 'a', did: 'did:key:z' },
      { agentId: 'a', ttlSeconds: 0 },
      { agentId: 'a', audience: 'x' },
      { agentId: 'a', initialBadge: 'x' },
      { agentId: 'a', privateKey: generateServerKeypairSync().privateKeyPem },
    ]) {
      expect(() => keepBadge({ ...registry, ...wrong } as never), JSON.stringify(wrong)).toThrow(TypeError)
    }
  })
})

describe('synchronous forms', () => {
  let core: CoreProcess
  let home: string
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'capiscio-sync-'))
    core = await startDevCore(join(home, 'dev'))
  })
  afterAll(async () => {
    await core?.stop()
    rmSync(home, { recursive: true, force: true })
  })

  it('guardSync decides inside a running event loop, without a deadlock', async () => {
    const badge = await devCredential(core.folder, 'badges', 'level-2.jwt')
    const ran: unknown[] = []
    const read = guardSync({ tool: 'read_file', core: { address: core.address } }, (args: { path: string }) => {
      ran.push(args)
      return 'text'
    })
    const handler = async () => {
      await Promise.resolve()
      return withCredential({ badge }, () => read({ path: '/a' }))
    }
    expect(await Promise.all([handler(), handler()])).toEqual(['text', 'text'])
    expect(ran).toEqual([{ path: '/a' }, { path: '/a' }])
    expect(() => read({ path: '/a' })).toThrow(
      expect.objectContaining({ name: 'GuardError', code: 'TOOL_AUTH_MISSING' }),
    )
    expect(ran).toHaveLength(2)
  })

  it('guardSync refuses what cannot work, and passes on what the handler throws', () => {
    const where = { core: { address: core.address } }
    expect(() => guardSync({ tool: 'x', client: {} } as never, () => 1)).toThrow(TypeError)
    expect(() => guardSync({ tool: 'x' }, undefined as never)).toThrow(TypeError)
    expect(() => guardSync({ tool: 'anything', ...where }, async () => 1)()).toThrow('use guard')
    const fails = guardSync({ tool: 'anything', ...where }, () => {
      throw new RangeError('mine')
    })
    expect(() => fails()).toThrow(RangeError)
    const later = guardSync({ tool: 'anything', ...where }, () => 1)
    withCredential({ badge: async () => 'x' }, () => expect(() => later()).toThrow('answers at once'))
  })

  it('evaluateToolAccessSync and verifyServerSync answer as their other forms do', async () => {
    const badge = await devCredential(core.folder, 'badges', 'level-3.jwt')
    const where = { core: { address: core.address } }
    expect(evaluateToolAccessSync('drop_table', {}, { credential: { badge }, ...where })).toMatchObject({
      outcome: 'DENY',
      reason: 'POLICY_DENIED',
    })
    expect(evaluateToolAccessSync('read_file', {}, { credential: { badge: () => badge }, ...where })).toMatchObject({
      outcome: 'ALLOW',
      trustLevel: 3,
    })
    expect(verifyServerSync({ serverDid: undefined, serverBadge: undefined } as never, where)).toMatchObject({
      isVerified: false,
    })
    expect(() => evaluateToolAccessSync('x', {}, { core: { address: '127.0.0.1:1' } })).toThrow(
      expect.objectContaining({ name: 'CoreConnectionError' }),
    )
    expect(() => evaluateToolAccessSync('x', {}, { core: { address: 'a b' } })).toThrow(
      expect.objectContaining({ name: 'CoreAddressError' }),
    )
  })

  it('registers and sets up, in a worker, against a registry elsewhere', async () => {
    const { registry: url } = JSON.parse(readFileSync(join(core.folder, 'dev.json'), 'utf8'))
    const adminKey = await devCredential(core.folder, 'registry', 'admin-key')
    const options = { apiKey: adminKey, caUrl: url, issuer: 'https://registry.capiscio.invalid', serverId: 'sync' }
    expect(() => setupServerIdentitySync(options)).toThrow(
      expect.objectContaining({ name: 'RegistrationError', statusCode: 404 }),
    )
    expect(setupServerIdentitySync({ ...options, create: true })).toMatchObject({ status: 'created', proven: true })
    const { didKey: did, publicKeyPem: publicKey } = generateServerKeypairSync()
    expect(() => registerServerIdentitySync({ ...options, did, publicKey })).toThrow(
      expect.objectContaining({ statusCode: 409 }),
    )
    expect(() =>
      registerServerIdentitySync({ ...options, did, publicKey, signal: AbortSignal.timeout(1) } as never),
    ).toThrow(TypeError)
  })
})
