import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeEd25519Verifier } from '../../../core/src/adapters/crypto/node-ed25519.ts'
import { parseBadge } from '../../../core/src/domain/badge/parse-badge.ts'
import { agentKey, ISSUER, type RegistryWorld, startRegistryWorld } from '../../fakes/registry-world.ts'

const payloadOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('a badge for an API key (registry.md §3)', () => {
  let world: RegistryWorld
  let did: string
  let key: string
  const agent = agentKey(1)

  beforeAll(async () => {
    world = await startRegistryWorld({ flags: { badgesPerHour: '10000' } })
    key = await world.addKey('team', 'team-a', ['agents:write', 'servers:write', 'badges:issue'])
    did = await world.addAgent('a1', agent, key)
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const path = (reference = did): string => `/v1/agents/${encodeURIComponent(reference)}/badge`
  const ask = (body: unknown = {}, given: object = {}) => world.call('POST', path(), { key, body, ...given })
  const outcome = (body: unknown = {}, given: object = {}, at = path()) =>
    world.outcome('POST', at, { key, body, ...given })

  it('is signed by the published key and says what the registry knows', async () => {
    const { status, body } = await ask({
      mode: 'ial0',
      ttl: 120,
      badge_aud: ['https://a.example.com'],
      domain: 'claimed.example',
    })
    expect(status).toBe(200)
    const { keys } = (await world.call('GET', '/.well-known/jwks.json', { key: 'none' })).body
    const [header, payload, signature] = body.badge.split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'EdDSA',
      typ: 'JWT',
      kid: keys[0].kid,
    })
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'))
    const signed = new TextEncoder().encode(`${header}.${payload}`)
    expect(createNodeEd25519Verifier({ maxKeys: 1 }).verify(bytes(keys[0].x), signed, bytes(signature))).toBe(true)
    const now = world.clock.nowMs() / 1000
    expect(payloadOf(body.badge)).toEqual({
      jti: body.jti,
      iss: ISSUER,
      sub: did,
      aud: ['https://a.example.com'],
      iat: now,
      exp: now + 120,
      ial: '0',
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(agent.publicKey).toString('base64url') },
      vc: { type: ['VerifiableCredential', 'AgentIdentity'], credentialSubject: { level: '1' } },
    })
    expect(parseBadge(body.badge, { requireKey: true }).level).toBe(1)
    expect(body).toEqual({
      badge: body.badge,
      jti: body.jti,
      expires_at: '2026-06-01T12:02:00Z',
      success: true,
      data: {
        token: body.badge,
        badge: body.badge,
        jti: body.jti,
        subject: did,
        issuer: ISSUER,
        trust_level: '1',
        trustLevel: '1',
        issued_at: '2026-06-01T12:00:00Z',
        expires_at: '2026-06-01T12:02:00Z',
        expiresAt: '2026-06-01T12:02:00Z',
        assurance_level: 'IAL-0',
        ial: '0',
      },
      message: 'Badge issued',
    })
  })

  it('is recorded before it is given, and the record holds no badge', async () => {
    const { body } = await ask({})
    const record = world.records().at(-1)
    expect(record).toMatchObject({
      'event.name': 'capiscio.registry.badge_issued',
      'io.capisc.registry.actor': 'apikey:team',
      'io.capisc.registry.account': 'team-a',
      'io.capisc.registry.did': did,
      'io.capisc.registry.jti': body.jti,
      'io.capisc.registry.level': 1,
      'io.capisc.registry.ial': 0,
    })
    const everything = JSON.stringify(world.records())
    for (const secret of [...body.badge.split('.').slice(1), key, world.adminKey, key.slice(4)]) {
      expect(everything).not.toContain(secret)
    }
  })

  describe('its life', () => {
    it.each([
      [{}, 300],
      [{ ttl: 60 }, 60],
      [{ badge_ttl: 3600 }, 3600],
      [{ ttl: 90, badge_ttl: 90 }, 90],
      [{ duration: '5m0s' }, 300],
      [{ duration: '1h' }, 3600],
      [{ duration: '1m30s' }, 90],
    ])('is as asked for in %j', async (body, seconds) => {
      const { exp, iat } = payloadOf((await ask(body)).body.badge)
      expect(exp - iat).toBe(seconds)
    })

    it.each([
      { ttl: 59 },
      { ttl: 3601 },
      { ttl: 0 },
      { ttl: -1 },
      { ttl: 60.5 },
      { ttl: '300' },
      { badge_ttl: 10 },
      { ttl: 60, badge_ttl: 61 },
      { ttl: 60, duration: '2m' },
      { duration: '59s' },
      { duration: '2h' },
      { duration: '5' },
      { duration: '1.5m' },
      { duration: '-5m' },
      { duration: '' },
    ])('is refused as asked for in %j', async (body) => {
      expect(await outcome(body)).toBe('400 invalid_request')
    })
  })

  describe('its audience', () => {
    it.each([
      [{}, undefined],
      [{ badge_aud: [] }, undefined],
      [{ badge_aud: ['a', 'b'] }, ['a', 'b']],
      [{ audience: 'one' }, ['one']],
      [{ audience: ['x'], badge_aud: 'x' }, ['x']],
    ])('is as asked for in %j', async (body, aud) => {
      expect(payloadOf((await ask(body)).body.badge).aud).toEqual(aud)
    })

    it.each([
      { badge_aud: ['a'], audience: ['b'] },
      { badge_aud: [''] },
      { badge_aud: ['a b'] },
      { badge_aud: [7] },
      { badge_aud: ['é'] },
      { badge_aud: ['x'.repeat(513)] },
      { badge_aud: Array(17).fill('a') },
    ])('is refused as asked for in %j', async (body) => {
      expect(await outcome(body)).toBe('400 invalid_request')
    })
  })

  describe('its level', () => {
    beforeAll(async () => {
      await world.addAgent('level', agentKey(2), key)
      const body = { level: 3, domain: 'api.example.com' }
      expect(await world.outcome('PUT', '/v1/admin/agents/level/level', { body })).toBe('200')
    })

    it.each([
      [{}, '3'],
      [{ trustLevel: '3' }, '3'],
      [{ trustLevel: 2 }, '2'],
      [{ trustLevel: '1' }, '1'],
    ])('is the validated one, or the lower one of %j', async (body, level) => {
      const { badge } = (await world.call('POST', path('level'), { key, body })).body
      expect(payloadOf(badge).vc.credentialSubject).toEqual({ level, domain: 'api.example.com' })
    })

    it.each([
      [{ trustLevel: '4' }, '403 forbidden'],
      [{ trustLevel: '0' }, '400 invalid_request'],
      [{ trustLevel: '5' }, '400 invalid_request'],
      [{ trustLevel: '03' }, '400 invalid_request'],
      [{ trustLevel: 1.5 }, '400 invalid_request'],
    ])('is never raised: %j is %s', async (body, expected) => {
      expect(await outcome(body, {}, path('level'))).toBe(expected)
    })
  })

  describe('the mode', () => {
    it.each([
      [{ mode: 'ial0' }, '200'],
      [{ mode: null }, '200'],
      [{ mode: 'ial2' }, '400 invalid_mode'],
      [{ mode: 'IAL0' }, '400 invalid_mode'],
      [{ challenge_id: 'ch-x' }, '400 invalid_request'],
      [{ proof_jws: 'x' }, '400 invalid_request'],
      [{ challenge_id: 'ch-x', proof_jws: 'x' }, '400 invalid_challenge_id'],
      [{ mode: 'ial0', challenge_id: 'ch-x', proof_jws: 'x' }, '200'],
    ])('of %j: %s', async (body, expected) => {
      expect(await outcome(body)).toBe(expected)
    })

    it('must be said where the registry wants it', async () => {
      await using strict = await startRegistryWorld({ flags: { requireMode: true } })
      await strict.addAgent('a1', agent)
      expect(await strict.outcome('POST', '/v1/agents/a1/badge', { body: {} })).toBe('400 invalid_mode')
      expect(await strict.outcome('POST', '/v1/agents/a1/badge', { body: { mode: 'ial0' } })).toBe('200')
    })
  })

  describe('who asks', () => {
    it('may send no key, a wrong one, or one that is not a key', async () => {
      for (const wrong of ['none', 'cpr_x', `${key}x`, key.slice(0, -1), 'sk_live_x', `cpr_${'x'.repeat(600)}`]) {
        expect([wrong, await outcome({}, { key: wrong })]).toEqual([wrong, '401 unauthorized'])
      }
    })

    it('may send the key as a bearer token, as older commands do', async () => {
      expect(await outcome({}, { key: 'none', headers: { authorization: `Bearer ${key}` } })).toBe('200')
      expect(await outcome({}, { key: 'none', headers: { authorization: `Basic ${key}` } })).toBe('401 unauthorized')
    })

    it('must have the scope, the account, and no badge', async () => {
      const reader = await world.addKey('writer', 'team-a', ['agents:write', 'servers:write'])
      const stranger = await world.addKey('stranger', 'team-b', ['badges:issue'])
      expect(await outcome({}, { key: reader })).toBe('403 forbidden')
      expect(await outcome({}, { key: stranger })).toBe('403 agent_not_owned')
      expect(await outcome({}, { key: world.adminKey })).toBe('200')
      const { badge } = (await ask()).body
      expect(await outcome({}, { key: 'none', headers: { authorization: `Bearer ${badge}` } })).toBe('403 forbidden')
    })

    it('has nothing any more when the key is revoked', async () => {
      const short = await world.addKey('short', 'team-a', ['badges:issue'])
      expect(await outcome({}, { key: short })).toBe('200')
      expect(await world.outcome('POST', '/v1/admin/api-keys/short/revoke')).toBe('200')
      expect(await outcome({}, { key: short })).toBe('401 unauthorized')
    })
  })

  describe('whom it is for', () => {
    it('must be there, have a key, and be active', async () => {
      expect(await outcome({}, {}, path('nobody'))).toBe('404 agent_not_found')
      expect(await outcome({}, {}, path('did:web:registry.example.com:agents:nobody'))).toBe('404 agent_not_found')
      expect(await outcome({}, {}, path('did:web:'))).toBe('400 invalid_did')
      expect(await outcome({}, {}, path('did:web:example'))).toBe('400 invalid_did')
      expect(await outcome({}, {}, '/v1/agents/%E0%A4%A/badge')).toBe('404 agent_not_found')
      await world.call('POST', '/v1/sdk/agents', { key, body: { id: 'keyless', name: 'x' } })
      expect(await outcome({}, {}, path('keyless'))).toBe('409 no_public_key')
      await world.addAgent('gone', agentKey(5), key)
      await world.call('POST', '/v1/agents/gone/disable', { body: { reason: 'leaked' } })
      expect(await outcome({}, {}, path('gone'))).toBe('403 agent_disabled')
    })

    it('is found by DID in every spelling of the path, and by id', async () => {
      for (const at of [did, encodeURIComponent(did), did.replaceAll(':', '%3a'), 'a1']) {
        expect([at, await outcome({}, {}, `/v1/agents/${at}/badge`)]).toEqual([at, '200'])
      }
    })

    it('may be a server, by its own path or by its DID', async () => {
      const server = agentKey(6)
      const body = { id: 's1', name: 's1', publicKey: Buffer.from(server.publicKey).toString('base64') }
      const made = await world.call('POST', '/v1/sdk/servers', { key, body })
      const at = '/v1/sdk/servers/s1/badge'
      const { status, body: issued } = await world.call('POST', at, { key, body: { domain: '127.0.0.1:8787' } })
      expect([status, payloadOf(issued.badge).sub]).toEqual([200, 'did:web:registry.example.com:servers:s1'])
      expect(issued.data.token).toBe(issued.badge)
      expect(await outcome({}, {}, path(made.body.data.did))).toBe('200')
      expect(await outcome({}, {}, '/v1/sdk/servers/a1/badge')).toBe('404 server_not_found')
      expect(await outcome({}, {}, path('s1'))).toBe('404 agent_not_found')
    })

    it('may be the name of a registry on another port, whose DID is escaped twice in a path', async () => {
      await using other = await startRegistryWorld({ issuer: 'https://registry.example.com:8443' })
      const name = await other.addAgent('a1', agent)
      expect(name).toBe('did:web:registry.example.com%3A8443:agents:a1')
      expect(await other.outcome('POST', `/v1/agents/${encodeURIComponent(name)}/badge`, { body: {} })).toBe('200')
      expect(await other.outcome('POST', `/v1/agents/${name}/badge`, { body: {} })).toBe('404 agent_not_found')
      const { htu } = await other.challenge(name)
      expect(htu).toBe(
        'https://registry.example.com:8443/v1/agents/did%3Aweb%3Aregistry.example.com%253A8443%3Aagents%3Aa1/badge',
      )
    })
  })
})

describe('a challenge (registry.md §4)', () => {
  let world: RegistryWorld
  let did: string

  beforeAll(async () => {
    world = await startRegistryWorld()
    did = await world.addAgent('a1', agentKey(1))
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  it('has both names of everything, and the one htu for every path', async () => {
    for (const prefix of ['/v1/agents', '/v1/sdk/agents']) {
      world.clock.advance(60_000)
      const body = { badge_aud: ['https://a.example.com'], badge_ttl: 600, challenge_ttl: 60 }
      const made = await world.call('POST', `${prefix}/a1/badge/challenge`, { body })
      expect(made.status).toBe(200)
      const end = new Date(world.clock.nowMs() + 60_000).toISOString()
      expect(made.body).toEqual({
        challenge_id: expect.stringMatching(/^ch-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        nonce: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
        challenge_expires_at: end,
        expires_at: end,
        proof_aud: ISSUER,
        aud: ISSUER,
        htu: 'https://registry.example.com/v1/agents/did%3Aweb%3Aregistry.example.com%3Aagents%3Aa1/badge',
        htm: 'POST',
        badge_aud: ['https://a.example.com'],
        badge_ttl: 600,
      })
      expect(made.headers.get('cache-control')).toBe('no-store')
    }
  })

  it.each([
    { badge_ttl: 59 },
    { badge_ttl: 3601 },
    { challenge_ttl: 601 },
    { challenge_ttl: 0 },
    { challenge_ttl: 1.5 },
  ])('is refused for %j', async (body) => {
    expect(await world.outcome('POST', '/v1/agents/a1/badge/challenge', { body })).toBe('400 invalid_request')
  })

  it('is for those who say who they are: an account with the scope, or the agent itself', async () => {
    world.clock.advance(60_000)
    const at = `/v1/agents/${did}/badge/challenge`
    const weak = await world.addKey('weak', 'default', ['agents:write'])
    const stranger = await world.addKey('stranger', 'other', ['badges:issue'])
    expect(await world.outcome('POST', at, { key: 'none' })).toBe('401 unauthorized')
    expect(await world.outcome('POST', at, { key: weak })).toBe('403 forbidden')
    expect(await world.outcome('POST', at, { key: stranger })).toBe('403 agent_not_owned')
    const badgeOf = async (id: string, body: object = {}): Promise<string> =>
      (await world.call('POST', `/v1/agents/${id}/badge`, { body })).body.badge
    const withBadge = (badge: string) =>
      world.outcome('POST', at, { key: 'none', headers: { authorization: `Bearer ${badge}` } })
    const own = await badgeOf('a1')
    expect(await withBadge(own)).toBe('200')
    expect(await world.outcome('POST', at, { key: 'none', headers: { 'x-capiscio-badge': own } })).toBe('200')
    expect(await withBadge(await badgeOf('a1', { badge_aud: [ISSUER, 'x'] }))).toBe('200')
    expect(await withBadge(await badgeOf('a1', { badge_aud: ['x'] }))).toBe('401 unauthorized')
    await world.addAgent('a2', agentKey(2))
    expect(await withBadge(await badgeOf('a2'))).toBe('403 agent_not_owned')
    expect(await withBadge(`${own}x`)).toBe('401 unauthorized')
    const { jti } = JSON.parse(Buffer.from(own.split('.')[1] ?? '', 'base64url').toString())
    expect(await world.outcome('POST', `/v1/badges/${jti}/revoke`)).toBe('200')
    expect(await withBadge(own)).toBe('401 unauthorized')
  })

  it('is refused for an agent without a key, a disabled one, and none', async () => {
    await world.call('POST', '/v1/sdk/agents', { body: { id: 'keyless', name: 'x' } })
    expect(await world.outcome('POST', '/v1/agents/keyless/badge/challenge')).toBe('409 no_public_key')
    expect(await world.outcome('POST', '/v1/agents/nobody/badge/challenge')).toBe('404 agent_not_found')
    await world.addAgent('off', agentKey(7))
    await world.call('POST', '/v1/agents/off/disable')
    expect(await world.outcome('POST', '/v1/agents/off/badge/challenge')).toBe('403 agent_disabled')
  })
})
