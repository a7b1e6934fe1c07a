import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agentKey, type RegistryWorld, startRegistryWorld } from '../../fakes/registry-world.ts'

let world: RegistryWorld

beforeAll(async () => {
  world = await startRegistryWorld()
})
afterAll(() => world?.[Symbol.asyncDispose]())

describe('the error envelope (registry.md §1.3)', () => {
  it.each([
    ['GET', '/', 404, 'not_found'],
    ['GET', '/v1/agents', 404, 'not_found'],
    ['DELETE', '/v1/badges/x/status', 404, 'not_found'],
    ['POST', '/v1/sdk/servers/discover', 404, 'not_found'],
    ['GET', '/v1/badges/x/status', 404, 'badge_not_found'],
    ['GET', '/v1/sdk/agents/x', 404, 'agent_not_found'],
    ['POST', '/v1/sdk/agents', 400, 'invalid_request'],
  ])('is the answer to %s %s', async (method, path, status, error) => {
    const answer = await world.call(method, path)
    expect(answer.status).toBe(status)
    expect(answer.body).toEqual({ success: false, error, message: expect.stringMatching(/.{10}/) })
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('says with 401 how to authenticate', async () => {
    const { headers } = await world.call('GET', '/v1/sdk/agents', { key: 'none' })
    expect(headers.get('www-authenticate')).toBe('Bearer')
  })
})

describe('a body', () => {
  const post = (body: unknown) => world.outcome('POST', '/v1/sdk/agents', { body })

  it.each([
    ['no JSON', 'name=x'],
    ['half of it', '{"name":"x"'],
    ['a list', '[]'],
    ['a repeated name', '{"name":"x","name":"y"}'],
    ['a repeated name in an escape', '{"name":"x","n\\u0061me":"y"}'],
    ['half of a character', '{"name":"\\ud800"}'],
    ['too deep', `{"name":${'['.repeat(100)}${']'.repeat(100)}}`],
  ])('that is %s is refused', async (_case, body) => {
    expect(await post(body)).toBe('400 invalid_request')
  })

  it('may hold what nobody knows', async () => {
    expect(await post({ name: 'x', whatever: { deep: [1] } })).toBe('201')
  })

  it('of 10 MB is answered with 413, and so is one that does not say its size', async () => {
    expect(await post({ name: 'x'.repeat(10_000_000) })).toBe('413 body_too_large')
    const stream = new ReadableStream({
      start(controller) {
        for (let n = 0; n < 20; n++) controller.enqueue(new TextEncoder().encode(' '.repeat(8192)))
        controller.close()
      },
    })
    const response = await fetch(`${world.registry.url}/v1/sdk/agents`, {
      method: 'POST',
      body: stream,
      duplex: 'half',
      headers: { 'x-capiscio-registry-key': world.adminKey },
    } as RequestInit)
    expect([response.status, await response.json()]).toEqual([
      413,
      expect.objectContaining({ error: 'body_too_large' }),
    ])
    expect(await post({ name: 'after' })).toBe('201')
  })

  it('of 64 KiB is read, and of one byte more is not', async () => {
    const body = (size: number): string => `{"name":"x"${' '.repeat(size - 12)}}`
    expect(body(65536)).toHaveLength(65536)
    expect(await post(body(65536))).toBe('201')
    expect(await post(body(65537))).toBe('413 body_too_large')
  })

  it('of 10 MB is answered also for a client that first sends all of it', async () => {
    const { hostname, port } = new URL(world.registry.url)
    const socket = connect(Number(port), hostname)
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined)
    const head = `POST /v1/sdk/agents HTTP/1.1\r\nhost: x\r\nx-capiscio-registry-key: ${world.adminKey}\r\nconnection: close\r\ncontent-length: 10000000\r\n\r\n`
    socket.write(head)
    socket.end(Buffer.alloc(10_000_000, 0x20))
    await closed
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 413 /)
  })
})

describe('what everybody may read', () => {
  it('is the key set, without private halves, for five minutes', async () => {
    const { status, body, headers } = await world.call('GET', '/.well-known/jwks.json', { key: 'none' })
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('public, max-age=300')
    const kid = `capiscio-ca-${world.clock.nowMs() / 1000}`
    expect(body).toEqual({
      keys: [{ kty: 'OKP', crv: 'Ed25519', kid, x: expect.stringMatching(/^[\w-]{43}$/), use: 'sig', alg: 'EdDSA' }],
    })
  })

  it('is the DID document of an agent or server under its own name, also while it is disabled', async () => {
    const agent = agentKey(1)
    const did = await world.addAgent('a1', agent)
    const read = () => world.call('GET', '/agents/a1/did.json', { key: 'none' })
    const first = await read()
    expect(first.headers.get('content-type')).toBe('application/did+json')
    expect(first.body).toMatchObject({
      id: did,
      verificationMethod: [{ id: `${did}#key-1`, controller: did, publicKeyMultibase: expect.stringMatching(/^z6Mk/) }],
      authentication: [`${did}#key-1`],
      assertionMethod: [`${did}#key-1`],
    })
    await world.call('POST', '/v1/agents/a1/disable')
    expect((await read()).body).toEqual(first.body)
    expect(await world.outcome('GET', '/servers/a1/did.json')).toBe('404 server_not_found')
    await world.call('POST', '/v1/sdk/servers', { body: { name: 'x', id: 's1' } })
    expect((await world.call('GET', '/servers/s1/did.json')).body).toMatchObject({ verificationMethod: [] })
    await world.call('PUT', '/v1/sdk/servers/s1', {
      body: { did: 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw' },
    })
    // Its name is another one now.
    expect(await world.outcome('GET', '/servers/s1/did.json')).toBe('404 server_not_found')
  })

  it('is whether it lives and is ready', async () => {
    expect((await world.call('GET', '/health', { key: 'none' })).body).toEqual({ status: 'ok' })
    expect((await world.call('GET', '/health/ready', { key: 'none' })).body).toEqual({ status: 'ready' })
  })
})

describe('API keys', () => {
  it('are made, listed and revoked by administrators, and shown once', async () => {
    const body = { name: 'ci', account: 'team', scopes: ['badges:issue', 'agents:write'] }
    const made = await world.call('POST', '/v1/admin/api-keys', { body })
    expect(made.status).toBe(201)
    const { key, ...shown } = made.body.data
    expect(key).toMatch(/^cpr_[\w-]{43}$/)
    expect(shown).toEqual({
      name: 'ci',
      account: 'team',
      scopes: ['agents:write', 'badges:issue'],
      createdAt: '2026-06-01T12:00:00.000Z',
      revokedAt: null,
    })
    const list = await world.call('GET', '/v1/admin/api-keys')
    expect(list.body.data).toContainEqual(shown)
    expect(JSON.stringify(list.body)).not.toContain('cpr_')
    expect(await world.outcome('POST', '/v1/admin/api-keys', { body })).toBe('409 name_taken')
    for (const [method, path] of [
      ['GET', ''],
      ['POST', ''],
      ['POST', '/ci/revoke'],
    ] as const) {
      const given = { key, ...(method === 'POST' && { body: { name: 'x', scopes: ['admin'] } }) }
      expect(await world.outcome(method, `/v1/admin/api-keys${path}`, given)).toBe('403 forbidden')
    }
    expect(await world.outcome('POST', '/v1/admin/api-keys/ci/revoke')).toBe('200')
    expect(await world.outcome('POST', '/v1/admin/api-keys/ci/revoke')).toBe('200')
    expect(await world.outcome('GET', '/v1/sdk/agents', { key })).toBe('401 unauthorized')
    expect(world.records().map((record) => record['event.name'])).toContain('capiscio.registry.api_key_revoked')
  })

  it.each([
    { name: 'x' },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['root'] },
    { name: 'x', scopes: ['admin', 'root'] },
    { name: 'a b', scopes: ['admin'] },
    { name: 'x', account: 'a b', scopes: ['admin'] },
  ])('are not made of %j', async (body) => {
    expect(await world.outcome('POST', '/v1/admin/api-keys', { body })).toBe('400 invalid_request')
  })
})
