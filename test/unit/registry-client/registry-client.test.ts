import {
  createRegistryClient,
  parseRegistryUrl,
  publicKeyBytesText,
  type RegistryRequest,
  type RegistryResponse,
  readIssuedBadge,
} from '@capiscio/proto/registry'
import { describe, expect, it } from 'vitest'

const ISSUER = 'https://registry.example.com'
const DID = 'did:web:registry.example.com:agents:a'
const KEY = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
const PEM =
  '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n'
const NOW = Date.parse('2026-06-01T12:00:00Z')

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString())
const CLAIMS = {
  jti: 'j',
  iss: ISSUER,
  sub: DID,
  iat: 100,
  exp: 400,
  ial: '0',
  vc: { credentialSubject: { level: '2' } },
}
const token = (claims: object = {}) => `${encode({ alg: 'EdDSA' })}.${encode({ ...CLAIMS, ...claims })}.c2ln`
const CHALLENGE = {
  challenge_id: 'ch-1',
  nonce: 'n',
  challenge_expires_at: '2026-06-01T12:00:30Z',
  proof_aud: ISSUER,
  htu: `${ISSUER}/v1/agents/x/badge`,
  htm: 'POST',
}

function clientOf(...answers: readonly (readonly [status: number, body: unknown])[]) {
  const sent: RegistryRequest[] = []
  const client = createRegistryClient({
    url: 'https://127.0.0.1:8443',
    issuer: ISSUER,
    apiKey: 'secret-key',
    nowMs: () => NOW,
    uuid: () => 'uuid',
    async send(request): Promise<RegistryResponse> {
      const [status, body] = answers[sent.length] ?? [500, {}]
      sent.push(request)
      return { status, body: typeof body === 'string' ? body : JSON.stringify(body) }
    },
  })
  return { client, sent }
}
const prover = { kid: `${DID}#key-1`, sign: () => new Uint8Array(64) }

describe('a proof for a badge', () => {
  it('is for the challenge, the issuer and at most the life of the challenge', async () => {
    const { client, sent } = clientOf([200, CHALLENGE], [200, { badge: token() }])
    await client.requestProvenBadge(DID, prover, {})
    expect(sent.map(({ url }) => url)).toEqual([
      'https://127.0.0.1:8443/v1/agents/did%3Aweb%3Aregistry.example.com%3Aagents%3Aa/badge/challenge',
      'https://127.0.0.1:8443/v1/agents/did%3Aweb%3Aregistry.example.com%3Aagents%3Aa/badge',
    ])
    const [header, claims] = JSON.parse(sent[1]?.body ?? '').proof_jws.split('.')
    expect(decode(header)).toEqual({ alg: 'EdDSA', typ: 'pop+jwt', kid: prover.kid })
    const iat = NOW / 1000
    const { challenge_id: cid, nonce, htu, htm } = CHALLENGE
    expect(decode(claims)).toEqual({ cid, nonce, sub: DID, aud: ISSUER, htu, htm, iat, exp: iat + 30, jti: 'uuid' })
  })

  it.each([
    ['another registry', { proof_aud: 'https://other.example.com' }],
    ['nobody', { proof_aud: undefined }],
    ['a URL elsewhere', { htu: 'https://other.example.com/v1/agents/x/badge' }],
    ['a URL that only begins alike', { htu: `${ISSUER}.evil.example/v1` }],
    ['another method', { htm: 'DELETE' }],
    ['no nonce', { nonce: undefined }],
    ['no id', { challenge_id: 7 }],
    ['no URL', { htu: undefined }],
    ['no end', { challenge_expires_at: 'soon' }],
  ])('is not made for %s', async (_, wrong) => {
    const { client, sent } = clientOf([200, { ...CHALLENGE, ...wrong }])
    await expect(client.requestProvenBadge(DID, prover, {})).rejects.toMatchObject({ code: 'REGISTRY_ANSWER_INVALID' })
    expect(sent).toHaveLength(1)
  })
})

describe('a registration that meets a conflict', () => {
  const server = { kind: 'server', reference: 's' } as const
  const identity = { did: DID, publicKey: PEM }
  it('is a success only where the same DID and key are there', async () => {
    const same = clientOf([404, {}], [409, { error: 'conflict' }], [200, { data: { did: DID, publicKey: KEY } }])
    expect(await same.client.register(server, identity)).toMatchObject({ alreadyRegistered: true, proven: false })
    const refused = clientOf([404, {}], [400, { error: 'invalid_did' }], [200, { data: { did: DID, publicKey: KEY } }])
    await expect(refused.client.register(server, identity)).rejects.toMatchObject({ statusCode: 400 })
    for (const record of [
      { did: `${DID}x`, publicKey: KEY },
      { did: DID, publicKey: KEY.replace('1', '2') },
      { did: DID },
    ]) {
      const other = clientOf([404, {}], [409, { error: 'conflict' }], [200, { data: record }])
      await expect(other.client.register(server, identity)).rejects.toMatchObject({ statusCode: 409 })
    }
  })
})

describe('an answer', () => {
  it.each([
    ['no JSON', 200, 'hello', 'REGISTRY_ANSWER_INVALID'],
    ['no badge', 200, {}, 'REGISTRY_ANSWER_INVALID'],
    ['a redirect', 302, {}, 'REGISTRY_REFUSED'],
  ])('that is %s is refused', async (_, status, body, code) => {
    const { client } = clientOf([status, body])
    await expect(client.requestBadge({ kind: 'agent', reference: 'a' }, {})).rejects.toMatchObject({ code })
  })

  it('that quotes secrets does not bring them into a message', async () => {
    const { client } = clientOf([400, { message: `no: secret-key and ${token()}` }])
    const refused = await client.requestBadge({ kind: 'agent', reference: 'a' }, {}).catch((error) => error)
    expect(refused.message).toContain('no: [redacted] and [redacted]')
  })

  it('gives the badge under any of its names', () => {
    for (const body of [
      { badge: token() },
      { token: token() },
      { data: { badge: token() } },
      { data: { token: token() } },
    ])
      expect(readIssuedBadge(body)).toMatchObject({ jti: 'j', level: 2, ial: 0, expiresAt: 400 })
  })

  it.each([{ exp: '400' }, { exp: 100 }, { jti: '' }, { iss: 1 }, { sub: null }, { iat: 1.5 }, { ial: 0 }, { vc: {} }])(
    'whose badge has %j is refused',
    (wrong) => expect(() => readIssuedBadge({ badge: token(wrong) })).toThrow('cannot be used'),
  )

  it.each(['', 'a.b', 'a.b.c.d', 'a.!.c', `${'a'.repeat(17_000)}.b.c`])('whose badge is no JWS is refused', (badge) =>
    expect(() => readIssuedBadge({ badge })).toThrow('cannot be used'),
  )
})

describe('what a client is told', () => {
  it('is a key in any of its forms', () => {
    const jwk = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: KEY })
    for (const text of [PEM, jwk, KEY, `${KEY.replaceAll('_', '/')}=`]) expect(publicKeyBytesText(text)).toBe(KEY)
    for (const text of ['', '{', '{"crv":"P-256","x":"a"}', 'PEM', PEM.replace('MCow', 'MIow'), `${KEY}A`])
      expect(publicKeyBytesText(text)).toBeUndefined()
  })

  it('is a URL over HTTPS, or on loopback', () => {
    expect(parseRegistryUrl('https://a.example.com/base/', 'it')).toBe('https://a.example.com/base')
    for (const text of ['http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1'])
      expect(parseRegistryUrl(text, 'it')).toBe(text)
    for (const text of [
      'http://a.example.com',
      'http://127.0.0.1.evil.example',
      'ftp://a',
      'https://a?b',
      'https://a#b',
      'https://u@a',
      7,
    ])
      expect(() => parseRegistryUrl(text, 'it')).toThrow(TypeError)
  })
})
