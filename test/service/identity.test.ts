import { createPrivateKey } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { createCoreClient, guard, withCredential } from '@capiscio/mcp'
import { CoreService } from '@capiscio/proto/core/v1'
import { readBadge } from '@capiscio/proto/registry'
import {
  BadgeService,
  type KeeperEvent,
  KeeperEventSchema,
  KeeperEventType,
  KeeperMode,
  StartKeeperRequestSchema,
  type TrustLevel,
} from '@capiscio/proto/v1'
import { Client, credentials, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTlsRegistry, type TlsRegistry } from '../fakes/tls-registry.ts'
import { runCapiscio } from '../tools/core-process.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'
import { type ServeProcess, startServe } from '../tools/serve-process.ts'

const { registerIdentity, generateKeypair } = CoreService.method

let registry: TlsRegistry
let core: ServeProcess
let client: RawClient
let apiKey: string
let config: string

beforeAll(async () => {
  registry = await startTlsRegistry()
  apiKey = await registry.world.addKey('ci', 'default', ['agents:write', 'servers:write', 'badges:issue'])
  config = join(registry.world.folder, 'capiscio.yaml')
  writeFileSync(config, registry.coreConfig)
  core = await startServe(['--config', config])
  client = createRawClient(core.addresses.tcp)
})

afterAll(async () => {
  client?.[Symbol.dispose]()
  await core?.[Symbol.asyncDispose]()
  await registry?.[Symbol.asyncDispose]()
})

const addServer = (id: string) => registry.world.call('POST', '/v1/sdk/servers', { body: { id, name: id } })
const reach = (): string[] => ['--ca', registry.url, '--issuer', registry.issuer, '--ca-file', registry.caFile]
const capiscio = (...args: string[]) => runCapiscio([...args, ...reach()], { env: { CAPISCIO_API_KEY: apiKey } })
const path = (name: string): string => join(registry.world.folder, name)

async function made(keyId: string) {
  const pair = await client.call(generateKeypair, { keyId, keepPrivateKey: true })
  return { keyId, did: pair.didKey, publicKey: pair.publicKeyPem }
}

describe('RegisterIdentity', () => {
  it('registers a kept key with a proof, and doing it again changes nothing', async () => {
    await addServer('one')
    const key = await made('one-key')
    const answer = await client.call(registerIdentity, { serverId: 'one', apiKey, keyId: key.keyId })
    expect(answer).toMatchObject({ serverId: 'one', did: key.did, proven: true, alreadyRegistered: false })
    const again = await client.call(registerIdentity, { serverId: 'one', apiKey, ...key, registry: registry.issuer })
    expect(again).toMatchObject({ did: key.did, proven: true, alreadyRegistered: true })
  })

  it('registers a key that is elsewhere, unproven', async () => {
    await addServer('two')
    const { did, publicKey } = await made('two-key')
    const answer = await client.call(registerIdentity, {
      serverId: 'two',
      apiKey,
      did,
      publicKey,
      registry: registry.url,
    })
    expect(answer).toMatchObject({ did, proven: false, alreadyRegistered: false })
  })

  it.each([
    ['another key', { serverId: 'one', keyId: 'other' }, status.ALREADY_EXISTS, 'identity_already_set'],
    ['an unknown server', { serverId: 'nobody', keyId: 'other' }, status.NOT_FOUND, 'server_not_found'],
    ['an unknown API key', { serverId: 'one', keyId: 'other', apiKey: 'cpr_wrong' }, status.UNAUTHENTICATED, '401'],
    ['no API key', { serverId: 'one', keyId: 'other', apiKey: '' }, status.INVALID_ARGUMENT, 'api_key'],
    ['no server', { keyId: 'other' }, status.INVALID_ARGUMENT, 'server_id'],
    ['an unknown key name', { serverId: 'one', keyId: 'nothing' }, status.INVALID_ARGUMENT, 'key_id'],
    ['no key at all', { serverId: 'one', did: 'did:web:a.example.com' }, status.INVALID_ARGUMENT, 'public_key'],
    [
      'a DID of another key',
      { serverId: 'one', keyId: 'other', did: 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw' },
      status.INVALID_ARGUMENT,
      'did',
    ],
    ['no DID', { serverId: 'one', keyId: 'other', did: 'somebody' }, status.INVALID_ARGUMENT, 'did'],
    [
      'a public key of another',
      { serverId: 'one', keyId: 'other', publicKey: '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=' },
      status.INVALID_ARGUMENT,
      'public_key',
    ],
    [
      'a registry that nobody configured',
      { serverId: 'one', keyId: 'other', registry: 'https://elsewhere.example.com' },
      status.INVALID_ARGUMENT,
      'registry',
    ],
  ])('refuses %s', async (_, request, code, details) => {
    await made('other').catch(() => undefined)
    await expect(client.call(registerIdentity, { apiKey, ...request })).rejects.toMatchObject({
      code,
      details: expect.stringContaining(details),
    })
  })

  it('says UNAVAILABLE while the registry is away, and shows no API key anywhere', async () => {
    registry.isAway = true
    const refused = client.call(registerIdentity, { serverId: 'one', apiKey, keyId: 'one-key' })
    await expect(refused).rejects.toMatchObject({ code: status.UNAVAILABLE })
    registry.isAway = false
    expect(core.output()).not.toContain(apiKey)
  })
})

describe('commands', () => {
  it('init makes, registers and gets a badge; a second run completes and replaces nothing', async () => {
    const init = ['init', '--agent-id', 'billing', '--create', '--out', path('billing'), '--json']
    const first = await capiscio(...init)
    expect([first.code, first.stderr]).toEqual([0, ''])
    const report = JSON.parse(first.stdout)
    expect(report).toMatchObject({
      id: 'billing',
      proven: true,
      keyMade: true,
      alreadyRegistered: false,
      badge: { ial: 1, level: 1 },
    })
    const pem = readFileSync(path('billing/private_key.pem'), 'utf8')
    expect(statSync(path('billing/private_key.pem')).mode & 0o777).toBe(0o600)
    expect(statSync(path('billing/badge.jwt')).mode & 0o777).toBe(0o600)
    expect(first.stdout).not.toContain(pem.split('\n')[1])
    const second = JSON.parse((await capiscio(...init)).stdout)
    expect(second).toMatchObject({ did: report.did, keyMade: false, alreadyRegistered: true })
    expect(readFileSync(path('billing/private_key.pem'), 'utf8')).toBe(pem)
  })

  it('init refuses a record that is missing unless it may make it, and a key that is not that of the record', async () => {
    const missing = await capiscio('init', '--server-id', 'missing', '--out', path('missing'), '--json')
    expect([missing.code, JSON.parse(missing.stdout).message]).toEqual([1, expect.stringContaining('--create')])
    const other = await capiscio('init', '--agent-id', 'billing', '--out', path('other'), '--json')
    expect([other.code, JSON.parse(other.stdout)]).toEqual([1, expect.objectContaining({ code: 'REGISTRY_REFUSED' })])
    writeFileSync(path('billing/did.txt'), 'did:key:z6Mk')
    const mixed = await capiscio('init', '--agent-id', 'billing', '--out', path('billing'))
    expect([mixed.code, mixed.stderr]).toEqual([1, expect.stringContaining('belongs to another key')])
  })

  it('badge request asks nobody by default, and says what does not fit', async () => {
    const none = await runCapiscio(['badge', 'request', '--agent-id', 'billing'], { env: {} })
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('CAPISCIO_CA_URL')])
    for (const [args, said] of [
      [['--pop'], '--key'],
      [['--key', path('billing/private_key.pem')], '--pop'],
      [['--did', 'did:key:z6Mk'], '--pop'],
      [[], '--agent-id or --server-id'],
      [['--agent-id', 'a', '--server-id', 'b'], '--agent-id or --server-id'],
    ] as const) {
      const { code, stderr } = await capiscio('badge', 'request', ...args)
      expect([code, stderr]).toEqual([1, expect.stringContaining(said)])
    }
  })
})

describe('an agent over TLS', () => {
  const request = async (...args: string[]) => {
    const { code, stdout, stderr } = await capiscio('badge', 'request', '--ttl', '60s', ...args)
    if (code !== 0) throw new Error(stderr)
    return stdout.trim()
  }
  const call = async (badge: string) => {
    await using asked = createCoreClient({ address: core.addresses.tcp })
    const tool = guard({ tool: 'read_database', minTrustLevel: 1, client: asked }, async () => 'rows')
    return await withCredential({ badge }, () => tool()).catch((error: { reason?: string }) => error.reason ?? error)
  }

  it('gets badges of both assurances, is let in, and is denied at once when revoked or disabled', async () => {
    await capiscio('init', '--agent-id', 'reader', '--create', '--no-badge', '--out', path('reader'))
    const ial0 = await request('--agent-id', 'reader')
    const ial1 = await request('--pop', '--key', path('reader/private_key.pem'))
    expect([readBadge(ial0).ial, readBadge(ial1).ial]).toEqual([0, 1])
    expect([await call(ial0), await call(ial1)]).toEqual(['rows', 'rows'])

    await registry.world.call('POST', `/v1/badges/${readBadge(ial1).jti}/revoke`, { body: {} })
    // statusMaxAgeSeconds is 0: each decision asks.
    expect([await call(ial0), await call(ial1)]).toEqual(['rows', 'BADGE_REVOKED'])

    await registry.world.call('POST', '/v1/agents/reader/disable', { body: {} })
    expect(await call(ial0)).toBe('AGENT_DISABLED')
    await registry.world.call('POST', '/v1/agents/reader/enable', { body: {} })
    expect(await call(ial0)).toBe('rows')
  })
})

describe('the old contract', () => {
  const { requestBadge, requestPoPBadge } = BadgeService.method

  it('asks configured registries for badges', async () => {
    await registry.world.call('POST', '/v1/sdk/agents', { body: { id: 'old', name: 'old' } })
    const caUrl = registry.issuer
    expect(await client.call(requestBadge, { agentId: 'old', apiKey, caUrl })).toMatchObject({
      success: false,
      errorCode: 'CONFLICT',
    })
    expect(
      await client.call(requestBadge, { agentId: 'old', apiKey, caUrl: 'https://elsewhere.example.com' }),
    ).toMatchObject({
      success: false,
      errorCode: 'CA_NOT_CONFIGURED',
    })
    expect(await client.call(requestBadge, { agentId: 'nobody', apiKey })).toMatchObject({
      errorCode: 'AGENT_NOT_FOUND',
    })
    expect(await client.call(requestBadge, { agentId: 'reader', apiKey: 'wrong' })).toMatchObject({
      errorCode: 'AUTH_INVALID',
    })
    const given = await client.call(requestBadge, { agentId: 'reader', apiKey, ttlSeconds: 60 })
    expect(given).toMatchObject({ success: true, jti: readBadge(given.token).jti })
    const jwk = createPrivateKey(readFileSync(path('reader/private_key.pem'), 'utf8')).export({ format: 'jwk' })
    const proven = await client.call(requestPoPBadge, {
      agentDid: given.subject,
      apiKey,
      privateKeyJwk: JSON.stringify(jwk),
    })
    expect(proven).toMatchObject({
      success: true,
      assuranceLevel: 'IAL-1',
      trustLevel: '1',
      cnf: { kid: expect.stringContaining(given.subject) },
    })
    expect(await client.call(requestPoPBadge, { agentDid: given.subject, apiKey, privateKeyJwk: '{' })).toMatchObject({
      success: false,
      errorCode: 'KEY_MALFORMED',
    })
  })

  /** Events of one StartKeeper until `count` are there, then the caller leaves; or the status that it ended with. */
  async function keeperEvents(request: MessageInitShape<typeof StartKeeperRequestSchema>, count: number) {
    const grpc = new Client(core.addresses.tcp, credentials.createInsecure())
    const pass = (bytes: Buffer): Buffer => bytes
    const bytes = Buffer.from(toBinary(StartKeeperRequestSchema, create(StartKeeperRequestSchema, request)))
    const call = grpc.makeServerStreamRequest('/capiscio.v1.BadgeService/StartKeeper', pass, pass, bytes)
    const events: KeeperEvent[] = []
    try {
      for await (const event of call) {
        events.push(fromBinary(KeeperEventSchema, event))
        if (events.length === count) break
      }
    } finally {
      call.cancel()
      grpc.close()
    }
    return events
  }

  it('keeps a badge for as long as the stream is open, and gives each in its event', async () => {
    const [began, renewed] = await keeperEvents({ mode: KeeperMode.CA, agentId: 'reader', apiKey, ttlSeconds: 60 }, 2)
    expect(began?.type).toBe(KeeperEventType.KEEPER_EVENT_STARTED)
    expect(renewed).toMatchObject({ type: KeeperEventType.KEEPER_EVENT_RENEWED, errorCode: '' })
    expect(readBadge(renewed?.token ?? '').jti).toBe(renewed?.badgeJti)
    const [, failed] = await keeperEvents({ agentId: 'nobody', apiKey }, 2)
    expect(failed).toMatchObject({ type: KeeperEventType.KEEPER_EVENT_ERROR, errorCode: 'AGENT_NOT_FOUND', token: '' })
  })

  it.each([
    ['output_file', { outputFile: '/tmp/badge.jwt' }],
    ['private_key_path', { privateKeyPath: '/tmp/key.jwk' }],
    ['mode', { mode: KeeperMode.SELF_SIGN }],
    ['agent_id', { agentId: '' }],
    ['ca_url', { caUrl: 'https://elsewhere.example.com' }],
    ['api_key', { apiKey: 'two words' }],
    ['renew_before_seconds', { renewBeforeSeconds: -1 }],
    ['trust_level', { trustLevel: 99 as TrustLevel }],
  ])('keeps none with %s wrong', async (field, wrong) => {
    await expect(keeperEvents({ agentId: 'reader', apiKey, ...wrong }, 1)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(field),
    })
  })
})
