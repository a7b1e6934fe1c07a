import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toDidKey } from '../../../core/src/domain/did/did-key.ts'
import { toPrivateKeyPem, toPublicKeyPem } from '../../../core/src/domain/did/key-pem.ts'
import { createFakeIssuer, type FakeIssuer } from '../../fakes/issuer.ts'
import { base64, ISSUER, type RegistryWorld, startRegistryWorld } from '../../fakes/registry-world.ts'
import { fromHex, WEAK_KEYS } from '../../tools/weak-keys.ts'

let world: RegistryWorld
let key: string
let stranger: string
let seed = 1

/** A key that no other test uses: a DID is bound once. */
function fresh(): FakeIssuer {
  const bytes = new Uint8Array(32).fill(9)
  new DataView(bytes.buffer).setUint32(0, seed++)
  return createFakeIssuer('agent', bytes)
}

const newServer = async (body: object = {}): Promise<string> => {
  const made = await world.call('POST', '/v1/sdk/servers', { key, body: { name: 'server', ...body } })
  expect(made.status).toBe(201)
  return made.body.data.id
}
const put = (id: string, body: unknown, given: object = {}) =>
  world.outcome('PUT', `/v1/sdk/servers/${id}`, { key, body, ...given })
const get = async (id: string) => (await world.call('GET', `/v1/sdk/servers/${id}`, { key })).body.data

beforeAll(async () => {
  world = await startRegistryWorld()
  key = await world.addKey('team', 'team-a', ['agents:write', 'servers:write', 'badges:issue'])
  stranger = await world.addKey('stranger', 'team-b', ['agents:write', 'servers:write'])
})
afterAll(() => world?.[Symbol.asyncDispose]())

describe('registering the identity of a server (registry.md §10.2)', () => {
  it('binds DID and key, as existing clients send them', async () => {
    const id = await newServer({ domain: 'a.example.com' })
    const server = fresh()
    const did = toDidKey(server.publicKey)
    const { status, body } = await world.call('PUT', `/v1/sdk/servers/${id}`, {
      key,
      body: { did, publicKey: toPublicKeyPem(server.publicKey) },
    })
    expect(status).toBe(200)
    expect(body).toEqual({
      success: true,
      message: 'The server was updated',
      data: {
        id,
        name: 'server',
        did,
        domain: 'a.example.com',
        domainValidated: false,
        description: null,
        status: 'active',
        trustLevel: '1',
        publicKey: base64(server.publicKey),
        keyProven: false,
        orgId: 'team-a',
        createdAt: '2026-06-01T12:00:00.000Z',
        updatedAt: '2026-06-01T12:00:00.000Z',
      },
    })
    expect(world.records().at(-1)).toMatchObject({
      'event.name': 'capiscio.registry.server_identity_bound',
      'io.capisc.registry.did': did,
      'io.capisc.registry.key_proven': false,
    })
  })

  it.each([
    ['PEM', (one: FakeIssuer) => toPublicKeyPem(one.publicKey)],
    ['PEM with CRLF', (one: FakeIssuer) => toPublicKeyPem(one.publicKey).replaceAll('\n', '\r\n')],
    ['base64', (one: FakeIssuer) => base64(one.publicKey)],
    ['base64 without padding', (one: FakeIssuer) => base64(one.publicKey).replace('=', '')],
    ['base64url', (one: FakeIssuer) => String(one.jwk.x)],
    ['a JWK as text', (one: FakeIssuer) => JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: one.jwk.x })],
  ])('takes the key as %s', async (_form, write) => {
    const id = await newServer()
    const server = fresh()
    expect(await put(id, { did: toDidKey(server.publicKey), publicKey: write(server) })).toBe('200')
    expect((await get(id)).publicKey).toBe(base64(server.publicKey))
  })

  it.each([
    ['a JWK with d', (one: FakeIssuer) => JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: one.jwk.x, d: one.jwk.x })],
    ['a private PEM', () => toPrivateKeyPem(new Uint8Array(32).fill(1))],
    ['a PEM of both', (one: FakeIssuer) => toPublicKeyPem(one.publicKey) + toPrivateKeyPem(new Uint8Array(32).fill(1))],
  ])('refuses %s, says why, and stores nothing', async (_form, write) => {
    const id = await newServer()
    const server = fresh()
    const answer = await world.call('PUT', `/v1/sdk/servers/${id}`, {
      key,
      body: { did: toDidKey(server.publicKey), publicKey: write(server) },
    })
    expect([answer.status, answer.body.error]).toEqual([400, 'private_key_sent'])
    expect(answer.body.message).toContain('Make a new key pair')
    expect((await get(id)).publicKey).toBeNull()
  })

  it.each([
    ['31 bytes', base64(new Uint8Array(31).fill(3))],
    ['33 bytes', base64(new Uint8Array(33).fill(3))],
    ['text', 'not a key!'],
    [
      'an RSA PEM',
      '-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf\n-----END PUBLIC KEY-----\n',
    ],
    ['another kind of JWK', '{"kty":"EC","crv":"P-256","x":"a"}'],
    ['broken JSON', '{"kty":'],
    ['a long text', 'A'.repeat(4096)],
    ['a point of small order', base64(fromHex(WEAK_KEYS[4] ?? ''))],
  ])('refuses %s as a key', async (_what, publicKey) => {
    const id = await newServer()
    expect(await put(id, { publicKey })).toBe('400 invalid_public_key')
    expect((await get(id)).publicKey).toBeNull()
  })

  it('refuses a key that is not that of the DID', async () => {
    const id = await newServer()
    const body = { did: toDidKey(fresh().publicKey), publicKey: base64(fresh().publicKey) }
    expect(await put(id, body)).toBe('400 key_did_mismatch')
    expect((await get(id)).did).toBe(`did:web:registry.example.com:servers:${id}`)
  })

  it.each([
    ['no DID', 'x'],
    ['a DID URL', 'did:key:z6Mk#a'],
    ['a broken did:key', 'did:key:z6MkBroken'],
    ['a method that nobody can check', 'did:example:abc'],
    ['the name of another server', 'did:web:registry.example.com:servers:other'],
    ['the name of an agent', 'did:web:registry.example.com:agents:x'],
  ])('refuses %s as a DID', async (_what, did) => {
    const id = await newServer()
    expect(await put(id, { did, publicKey: base64(fresh().publicKey) })).toBe('400 invalid_did')
  })

  it('refuses a DID without its key unless the DID says it', async () => {
    const id = await newServer()
    expect(await put(id, { did: 'did:web:a.example.org' })).toBe('400 invalid_request')
    expect(await put(id, { did: `did:web:registry.example.com:servers:${id}` })).toBe('200')
    expect(await put(id, { did: toDidKey(fresh().publicKey) })).toBe('200')
  })

  it('takes a did:web elsewhere only when its document holds the key now', async () => {
    const id = await newServer()
    const server = fresh()
    const did = `did:web:mcp.example.org:${id}`
    const body = { did, publicKey: base64(server.publicKey) }
    const documentOf = (one: FakeIssuer) => {
      const method = { id: `${did}#k`, publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: one.jwk.x } }
      return JSON.stringify({ id: did, verificationMethod: [{ id: '#broken' }, method] })
    }
    expect(await put(id, body)).toBe('502 did_resolution_failed')
    world.didDocuments.documents.set(did, '[]')
    expect(await put(id, body)).toBe('502 did_document_invalid')
    world.didDocuments.documents.set(did, documentOf(server).replace(`"id":"${did}"`, '"id":"did:web:x.example"'))
    expect(await put(id, body)).toBe('502 did_document_invalid')
    world.didDocuments.documents.set(did, documentOf(fresh()))
    expect(world.didDocuments.forgotten).not.toContain(did)
    expect(await put(id, body)).toBe('400 key_did_mismatch')
    expect(world.didDocuments.forgotten).toContain(did)
    world.didDocuments.documents.set(did, documentOf(server))
    expect(await put(id, body)).toBe('200')
  })

  it('may be said again, and never changes', async () => {
    const id = await newServer()
    const server = fresh()
    const body = { did: toDidKey(server.publicKey), publicKey: base64(server.publicKey) }
    expect(await put(id, body)).toBe('200')
    const records = world.records().length
    expect(await put(id, body)).toBe('200')
    expect(world.records().length).toBe(records)
    const other = fresh()
    expect(await put(id, { did: toDidKey(other.publicKey), publicKey: base64(other.publicKey) })).toBe(
      '409 identity_already_set',
    )
    expect(
      await put(id, { did: `did:web:registry.example.com:servers:${id}`, publicKey: base64(other.publicKey) }),
    ).toBe('409 identity_already_set')
    expect((await get(id)).did).toBe(body.did)
  })

  it('is refused where another record has the DID, agents and deleted ones included', async () => {
    const server = fresh()
    const body = { did: toDidKey(server.publicKey), publicKey: base64(server.publicKey) }
    const first = await newServer()
    expect(await put(first, body)).toBe('200')
    expect(await put(await newServer(), body)).toBe('409 did_already_bound')
    expect(await world.outcome('POST', '/v1/sdk/agents', { key, body: { name: 'x', ...body } })).toBe(
      '409 did_already_bound',
    )
    expect(await world.outcome('DELETE', `/v1/sdk/servers/${first}`, { key })).toBe('200')
    expect(await put(await newServer(), body)).toBe('409 did_already_bound')
    expect(await world.outcome('POST', '/v1/sdk/servers', { key, body: { name: 'x', id: first } })).toBe('409 id_taken')
  })

  it('gives one of two clients who register at a time the server, and the other a 409', async () => {
    for (let round = 0; round < 5; round++) {
      const id = await newServer()
      const outcomes = await Promise.all(
        [fresh(), fresh()].map((one) => put(id, { did: toDidKey(one.publicKey), publicKey: base64(one.publicKey) })),
      )
      expect(outcomes.toSorted()).toEqual(['200', '409 identity_already_set'])
    }
  })

  it('gives one of two servers that claim a key at a time the key', async () => {
    const server = fresh()
    const ids = [await newServer(), await newServer()]
    const outcomes = await Promise.all(ids.map((id) => put(id, { did: toDidKey(server.publicKey) })))
    expect(outcomes.toSorted()).toEqual(['200', '409 did_already_bound'])
  })

  it('is for those who may: key, scope, account; and for a server that is there', async () => {
    const id = await newServer()
    const body = { did: toDidKey(fresh().publicKey) }
    const reader = await world.addKey('issuer-only', 'team-a', ['badges:issue', 'agents:write'])
    expect(await put(id, body, { key: 'none' })).toBe('401 unauthorized')
    expect(await put(id, body, { key: 'cpr_wrong' })).toBe('401 unauthorized')
    expect(await put(id, body, { key: reader })).toBe('403 forbidden')
    expect(await put(id, body, { key: stranger })).toBe('403 agent_not_owned')
    expect(await put('nobody', body)).toBe('404 server_not_found')
    expect(await put(randomUUID(), body)).toBe('404 server_not_found')
    expect((await get(id)).publicKey).toBeNull()
  })
})

describe('a registration proof', () => {
  const htuOf = (id: string): string => `${ISSUER}/v1/sdk/servers/${id}`

  async function setUp(given: object = {}, header: object = {}, by?: FakeIssuer) {
    const id = await newServer()
    const server = fresh()
    const did = toDidKey(server.publicKey)
    const iat = Math.floor(world.clock.nowMs() / 1000)
    const claims = {
      sub: did,
      aud: ISSUER,
      htm: 'PUT',
      htu: htuOf(id),
      iat,
      exp: iat + 60,
      jti: randomUUID(),
      ...given,
    }
    const kid = `${did}#${did.slice('did:key:'.length)}`
    const proof = (by ?? server).sign({ alg: 'EdDSA', typ: 'pop+jwt', kid, ...header }, claims)
    return { id, body: { did, publicKey: base64(server.publicKey), proof } }
  }

  it('is recorded with the identity', async () => {
    const { id, body } = await setUp()
    expect(await put(id, body)).toBe('200')
    expect((await get(id)).keyProven).toBe(true)
    expect(world.records().at(-1)).toMatchObject({ 'io.capisc.registry.key_proven': true })
    expect(JSON.stringify(world.records())).not.toContain(body.proof.split('.')[2])
  })

  it('may follow later, for the same identity', async () => {
    const { id, body } = await setUp()
    expect(await put(id, { ...body, proof: undefined })).toBe('200')
    expect((await get(id)).keyProven).toBe(false)
    expect(await put(id, body)).toBe('200')
    expect((await get(id)).keyProven).toBe(true)
    // Registering again without a proof takes nothing back.
    expect(await put(id, { ...body, proof: undefined })).toBe('200')
    expect((await get(id)).keyProven).toBe(true)
  })

  it('counts once, also for another request that it fits', async () => {
    const jti = randomUUID()
    const { id, body } = await setUp({ jti })
    expect(await put(id, body)).toBe('200')
    // A new record for the same key: only an operator's mistake can make it fit again.
    const { body: made } = await world.call('POST', '/v1/sdk/servers', { key, body: { name: 'x' } })
    expect(await put(made.data.id, body)).toBe('403 htu_mismatch')
    expect(await put(id, body)).toBe('200')
  })

  it.each([
    [{ sub: 'did:web:a.example.com' }, {}, '403 subject_mismatch'],
    [{ aud: 'https://other.example.com' }, {}, '403 audience_mismatch'],
    [{ htu: 'https://registry.example.com/v1/sdk/servers/other' }, {}, '403 htu_mismatch'],
    [{ htm: 'POST' }, {}, '400 invalid_proof'],
    [{ iat: 1 }, {}, '403 exp_too_long'],
    [{ exp: 1 }, {}, '403 exp_too_long'],
    [{ iat: 1_780_315_199, exp: 1_780_315_200 }, {}, '403 proof_expired'],
    [{ iat: 1_780_315_261, exp: 1_780_315_262 }, {}, '403 iat_invalid'],
    [{ jti: undefined }, {}, '400 invalid_proof'],
    [{}, { typ: 'JWT' }, '400 invalid_proof'],
    [{}, { kid: 'did:web:x.example#key-1' }, '403 kid_not_found'],
    [{}, { alg: 'ES256' }, '403 proof_verification_failed'],
  ])('with %j and %j is %s', async (claims, header, expected) => {
    expect(Math.floor(world.clock.nowMs() / 1000)).toBe(1_780_315_200)
    const { id, body } = await setUp(claims, header)
    expect(await put(id, body)).toBe(expected)
    expect((await get(id)).publicKey).toBeNull()
  })

  it('by another key is refused, and so is one about no key', async () => {
    const { id, body } = await setUp({}, {}, fresh())
    expect(await put(id, body)).toBe('403 proof_verification_failed')
    expect(await put(id, { proof: body.proof })).toBe('400 invalid_request')
  })

  it('names the one key of a server under its own name in the registry', async () => {
    const id = await newServer()
    const server = fresh()
    const did = `did:web:registry.example.com:servers:${id}`
    const iat = Math.floor(world.clock.nowMs() / 1000)
    const claims = { sub: did, aud: ISSUER, htm: 'PUT', htu: htuOf(id), iat, exp: iat + 60, jti: randomUUID() }
    const proof = (kid: string) => server.sign({ alg: 'EdDSA', typ: 'pop+jwt', kid }, claims)
    const body = { publicKey: base64(server.publicKey) }
    expect(await put(id, { ...body, proof: proof('did:web:registry.example.com#key-1') })).toBe('403 kid_not_found')
    expect(await put(id, { ...body, proof: proof(`${did}#key-1`) })).toBe('200')
  })
})

describe('agents (registry.md §10.1)', () => {
  const identity = (id: string, body: unknown) => world.outcome('PATCH', `/v1/sdk/agents/${id}/identity`, { key, body })

  it('get their identity once', async () => {
    const made = await world.call('POST', '/v1/sdk/agents', { key, body: { name: 'x', protocol: 'a2a' } })
    expect([made.status, made.body.data.protocol, made.body.data.publicKey]).toEqual([201, 'a2a', null])
    const { id } = made.body.data
    const agent = fresh()
    const jwk = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: agent.jwk.x })
    expect(await identity(id, {})).toBe('400 invalid_request')
    expect(await identity(id, { did: toDidKey(agent.publicKey), publicKey: jwk })).toBe('200')
    expect(await identity(id, { did: toDidKey(fresh().publicKey) })).toBe('409 identity_already_set')
  })

  it('are updated as clients do it: read, merge, write', async () => {
    const agent = fresh()
    const made = await world.call('POST', '/v1/sdk/agents', {
      key,
      body: { name: 'x', description: 'old', domain: 'a.example.com', publicKey: base64(agent.publicKey) },
    })
    const { createdAt, updatedAt, trustLevel, ...read } = made.body.data
    const path = `/v1/sdk/agents/${read.id}`
    const body = {
      ...read,
      description: 'new',
      trustLevel: '4',
      level: 4,
      status: 'disabled',
      orgId: 'team-b',
      agentCard: {},
    }
    const written = await world.call('PUT', path, { key, body })
    expect(written.status).toBe(200)
    expect(written.body.data).toEqual({ ...made.body.data, description: 'new' })
    // Absent and null members stay.
    expect((await world.call('PUT', path, { key, body: { name: 'y', domain: null } })).body.data).toEqual({
      ...made.body.data,
      description: 'new',
      name: 'y',
    })
  })

  it('are listed for their account, and all of them for an administrator', async () => {
    const mine = await world.addKey('lister', 'team-c', ['agents:write'])
    await world.call('POST', '/v1/sdk/agents', { key: mine, body: { name: 'x', id: 'c1' } })
    const list = async (given: string) =>
      (await world.call('GET', '/v1/sdk/agents', { key: given })).body.data.map(({ id }: { id: string }) => id)
    expect(await list(mine)).toEqual(['c1'])
    expect(await list(world.adminKey)).toContain('c1')
    expect(await list(stranger)).toEqual([])
    expect(await world.outcome('GET', '/v1/sdk/agents/c1', { key: stranger })).toBe('403 agent_not_owned')
    expect(await world.outcome('GET', '/v1/sdk/agents/c1', { key: mine })).toBe('200')
  })

  it.each([
    [{}, '400 invalid_request'],
    [{ name: '' }, '400 invalid_request'],
    [{ name: '  ' }, '400 invalid_request'],
    [{ name: 7 }, '400 invalid_request'],
    [{ name: 'x'.repeat(201) }, '400 invalid_request'],
    [{ name: 'x', id: '../x' }, '400 invalid_id'],
    [{ name: 'x', id: '.x' }, '400 invalid_id'],
    [{ name: 'x', id: 'a b' }, '400 invalid_id'],
    [{ name: 'x', id: 'did:web:a' }, '400 invalid_id'],
    [{ name: 'x', id: '' }, '400 invalid_id'],
  ])('are not made of %j', async (body, expected) => {
    expect(await world.outcome('POST', '/v1/sdk/agents', { key, body })).toBe(expected)
  })

  it('disappear when they are deleted, and are disabled for verifiers for good', async () => {
    const agent = fresh()
    const did = await world.addAgent('gone', agent, key)
    const issuer = await world.addKey('issuer', 'team-a', ['badges:issue', 'servers:write'])
    expect(await world.outcome('DELETE', '/v1/sdk/agents/gone', { key: issuer })).toBe('403 forbidden')
    expect(await world.outcome('DELETE', '/v1/sdk/agents/gone', { key: stranger })).toBe('403 agent_not_owned')
    expect(await world.outcome('DELETE', '/v1/sdk/agents/gone', { key })).toBe('200')
    expect(await world.outcome('GET', '/v1/sdk/agents/gone', { key })).toBe('404 agent_not_found')
    expect(await world.outcome('DELETE', '/v1/sdk/agents/gone', { key })).toBe('404 agent_not_found')
    expect(await world.outcome('POST', '/v1/agents/gone/badge', { key, body: {} })).toBe('404 agent_not_found')
    expect(await world.outcome('POST', '/v1/agents/gone/enable')).toBe('404 agent_not_found')
    expect(await world.outcome('GET', '/agents/gone/did.json', { key: 'none' })).toBe('404 agent_not_found')
    expect((await world.call('GET', `/v1/agents/${did}/status`, { key: 'none' })).body).toMatchObject({
      did,
      status: 'disabled',
      reason: 'deleted',
    })
  })

  it('are disabled and enabled by an administrator, at once and for everybody to see', async () => {
    const did = await world.addAgent('state', fresh(), key)
    const status = async (reference: string) =>
      (await world.call('GET', `/v1/agents/${encodeURIComponent(reference)}/status`, { key: 'none' })).body
    expect(await status('state')).toEqual({ did, id: 'state', status: 'active', disabledAt: null, reason: null })
    expect(await world.outcome('POST', '/v1/agents/state/disable', { key })).toBe('403 forbidden')
    const disabled = await world.call('POST', '/v1/agents/state/disable', { body: { reason: 'leaked' } })
    const expected = { did, id: 'state', status: 'disabled', disabledAt: '2026-06-01T12:00:00.000Z', reason: 'leaked' }
    expect([disabled.status, disabled.body]).toEqual([200, expected])
    expect(await status(did)).toEqual(expected)
    expect((await world.call('POST', '/v1/agents/state/disable', { body: { reason: 'x' } })).body).toEqual(expected)
    expect(await world.outcome('POST', '/v1/agents/state/enable', { key })).toBe('403 forbidden')
    expect((await world.call('POST', `/v1/agents/${did}/enable`)).body.status).toBe('active')
    expect(await status(did)).toEqual({ did, id: 'state', status: 'active', disabledAt: null, reason: null })
    expect(await world.outcome('GET', '/v1/agents/nobody/status', { key: 'none' })).toBe('404 agent_not_found')
    expect(await world.outcome('GET', '/v1/agents/did:x/status', { key: 'none' })).toBe('400 invalid_did')
  })

  it('have a level that only an administrator sets, with a domain from level 2 on', async () => {
    await world.addAgent('lvl', fresh(), key)
    const set = (body: object, given: object = {}) =>
      world.outcome('PUT', '/v1/admin/agents/lvl/level', { body, ...given })
    expect(await set({ level: 2, domain: 'a.example.com' }, { key })).toBe('403 forbidden')
    expect(await set({ level: 2 })).toBe('400 invalid_request')
    expect(await set({ level: 2, domain: 'A.example.com' })).toBe('400 invalid_request')
    expect(await set({ level: 2, domain: 'localhost' })).toBe('400 invalid_request')
    expect(await set({ level: 0, domain: 'a.example.com' })).toBe('400 invalid_request')
    expect(await set({ level: '2', domain: 'a.example.com' })).toBe('400 invalid_request')
    expect(await set({ level: 2, domain: 'a.example.com' })).toBe('200')
    expect(await set({ level: 4 })).toBe('200')
    const records = world.records().length
    expect(await set({ level: 4, domain: 'a.example.com' })).toBe('200')
    expect(world.records().length).toBe(records)
    expect((await world.call('GET', '/v1/sdk/agents/lvl', { key })).body.data).toMatchObject({
      trustLevel: '4',
      domain: 'a.example.com',
      domainValidated: true,
    })
  })
})

describe('servers', () => {
  it('are disabled and enabled by their owners', async () => {
    const id = await newServer()
    expect(await world.outcome('POST', `/v1/sdk/servers/${id}/disable`, { key: stranger })).toBe('403 agent_not_owned')
    expect(await world.outcome('POST', `/v1/sdk/servers/${id}/disable`, { key })).toBe('200')
    expect((await world.call('GET', `/v1/servers/${id}/status`, { key: 'none' })).body.status).toBe('disabled')
    expect(await world.outcome('POST', `/v1/sdk/servers/${id}/enable`, { key })).toBe('200')
    expect((await world.call('GET', `/v1/servers/${id}/status`, { key: 'none' })).body.status).toBe('active')
  })
})

describe('hostile text', () => {
  const SQL = `x'; DROP TABLE subjects; UPDATE subjects SET level = 4; --`

  it('is text in every field, path and header', async () => {
    const id = await newServer()
    for (const name of ['name', 'domain', 'description', 'id', 'did', 'publicKey', 'proof'] as const) {
      const outcome = await world.outcome('POST', '/v1/sdk/servers', { key, body: { name: SQL, [name]: SQL } })
      expect([name, outcome]).toEqual([
        name,
        expect.stringMatching(/^(201|400 (invalid_id|invalid_did|invalid_public_key|invalid_request))$/),
      ])
    }
    const segment = encodeURIComponent(SQL)
    expect(await world.outcome('GET', `/v1/sdk/servers/${segment}`, { key })).toBe('404 server_not_found')
    expect(await world.outcome('GET', `/v1/agents/${segment}/status`)).toBe('404 agent_not_found')
    expect(await world.outcome('GET', `/v1/agents/did:web:${segment}/status`)).toBe('400 invalid_did')
    expect(await world.outcome('GET', `/v1/badges/${segment}/status`)).toBe('404 badge_not_found')
    expect(await world.outcome('GET', `/v1/revocations?since=${segment}`)).toBe('400 invalid_request')
    expect(await world.outcome('GET', `/v1/revocations?cursor=${segment}`)).toBe('400 invalid_request')
    expect(await world.outcome('GET', `/agents/${segment}/did.json`)).toBe('404 agent_not_found')
    expect(await world.outcome('GET', '/v1/sdk/servers', { key: SQL })).toBe('401 unauthorized')
    expect(await world.outcome('POST', `/v1/agents/${segment}/badge`, { body: { mode: SQL } })).toBe('400 invalid_mode')
    expect(await world.outcome('POST', '/v1/admin/api-keys', { body: { name: SQL, scopes: ['admin'] } })).toBe(
      '400 invalid_request',
    )
    expect(await world.outcome('POST', '/v1/admin/api-keys', { body: { name: 'x', scopes: [SQL] } })).toBe(
      '400 invalid_request',
    )
    expect(await world.outcome('POST', `/v1/admin/api-keys/${segment}/revoke`)).toBe('404 api_key_not_found')
    expect((await get(id)).trustLevel).toBe('1')
    const { body } = await world.call('GET', '/v1/sdk/servers', { key })
    expect(body.data.filter(({ name }: { name: string }) => name === SQL).length).toBeGreaterThan(0)
  })
})
