import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createPopResponse,
  generatePopRequest,
  isPopRequestExpired,
  type PopExchange,
  popRequestFromMeta,
  popRequestToMeta,
  popResponseFromMeta,
  popResponseToMeta,
  type VerifyPopOptions,
  verifyPopResponse,
} from '../../../sdk-node/src/index.ts'

const NOW_MS = 1_733_788_800_000
const NONCE = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE'
const DID = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
const AUDIENCE = 'https://mcp.example.com'
/** The published vector of the handshake proof. */
const GOLDEN =
  'eyJhbGciOiJFZERTQSIsImtpZCI6ImRpZDprZXk6ejZNa3R3dXBkbUxYVlZxVHpDdzRpNDZyNHVHeW9zR1hSblIzWGpONFpxN29NTXN3I3o2TWt0d3VwZG1MWFZWcVR6Q3c0aTQ2cjR1R3lvc0dYUm5SM1hqTjRacTdvTU1zdyIsInR5cCI6InBvcCtqd3MifQ.QVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRQ.eK_hlTe2FdHfFhll9y8BQ9ntMsSvLEuqiUmB5tqHz8LtrjuPl7pCxbdOIl1mhrmSlC2M733O-6PlZRaKKH4WBw'

/** RFC 8037 appendix A. */
const privateKey = createPrivateKey({
  key: {
    kty: 'OKP',
    crv: 'Ed25519',
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  },
  format: 'jwk',
})
const publicKey = createPublicKey(privateKey)

const initialize = { nonce: NONCE, createdAtMs: NOW_MS, method: 'initialize' } as const
const discover = { ...initialize, method: 'server/discover' } as const
const server = { serverDid: DID, audience: AUDIENCE, privateKey }

const verifyAs = (exchange: PopExchange, changes: Partial<VerifyPopOptions> = {}) =>
  verifyPopResponse(exchange, { serverDid: DID, audience: AUDIENCE, publicKey, ...changes })

function jws(header: object, payload: string, key = privateKey): string {
  const text = (value: string): string => Buffer.from(value).toString('base64url')
  const input = `${text(JSON.stringify(header))}.${text(payload)}`
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOW_MS, toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a server that answers a nonce', () => {
  it('signs the published vector, and the bound form beside it', async () => {
    const response = await createPopResponse(initialize, server)
    expect(response.signature).toBe(GOLDEN)
    const [, payload = ''] = response.boundSignature.split('.')
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toEqual({
      aud: AUDIENCE,
      iat: NOW_MS / 1000,
      method: 'initialize',
      nonce: NONCE,
      sub: DID,
    })
  })

  it('signs no bound form where it does not know as whom it is reached', async () => {
    const response = await createPopResponse(initialize, { serverDid: DID, privateKey })
    expect(response).toMatchObject({ signature: GOLDEN, boundSignature: '' })
  })

  it.each(['{"iss":"did:key:z6Mk"}', 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiIxIn0', 'A'.repeat(21), 'A'.repeat(129)])(
    'never signs %s',
    async (nonce) => {
      await expect(createPopResponse({ ...initialize, nonce }, server)).rejects.toMatchObject({
        code: 'POP_NONCE_INVALID',
      })
      expect(() => popRequestFromMeta({ capiscio_pop_nonce: nonce }, 'initialize')).toThrow(
        expect.objectContaining({ code: 'POP_NONCE_INVALID' }),
      )
    },
  )

  it('needs an Ed25519 private key, and does not quote a wrong one', async () => {
    const rsa = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    for (const key of [rsa, publicKey, 'not a key: canary']) {
      const error = await createPopResponse(initialize, { ...server, privateKey: key }).catch((thrown) => thrown)
      expect(error).toBeInstanceOf(TypeError)
      expect(String(error)).not.toContain('canary')
    }
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
    expect((await createPopResponse(initialize, { ...server, privateKey: pem })).signature).toBe(GOLDEN)
  })
})

describe('a client that checks the answer', () => {
  it('accepts both methods, and the older form for initialize', async () => {
    await verifyAs({ ...initialize, ...(await createPopResponse(initialize, server)) })
    await verifyAs({ ...discover, ...(await createPopResponse(discover, server)) })
    await verifyAs({ ...initialize, signature: GOLDEN, boundSignature: '' })
  })

  it('accepts the key ids of existing servers', async () => {
    const header = { alg: 'EdDSA', kid: `${DID}#keys-1`, typ: 'pop+jws' }
    await verifyAs({ ...initialize, signature: jws(header, NONCE), boundSignature: '' })
  })

  const header = { alg: 'EdDSA', kid: DID, typ: 'pop+jws' }
  const bound = { ...header, typ: 'pop-bound+jws' }
  const claims = { aud: AUDIENCE, iat: NOW_MS / 1000, method: 'server/discover', nonce: NONCE, sub: DID }
  const claiming = (changes: object) => ({ boundSignature: jws(bound, JSON.stringify({ ...claims, ...changes })) })
  const stranger = generateKeyPairSync('ed25519').privateKey

  it.each<[string, Partial<PopExchange>, string]>([
    ['nothing', {}, 'POP_SIGNATURE_INVALID'],
    ['the form that can be relayed', { signature: GOLDEN }, 'POP_SIGNATURE_INVALID'],
    ['another nonce', claiming({ nonce: `${NONCE}A` }), 'POP_SIGNATURE_INVALID'],
    ['another server', claiming({ sub: 'did:web:evil.example' }), 'POP_SIGNATURE_INVALID'],
    ['another endpoint', claiming({ aud: 'https://evil.example' }), 'POP_SIGNATURE_INVALID'],
    ['no endpoint', claiming({ aud: undefined }), 'POP_SIGNATURE_INVALID'],
    ['another method', claiming({ method: 'initialize' }), 'POP_SIGNATURE_INVALID'],
    ['a time long ago', claiming({ iat: NOW_MS / 1000 - 91 }), 'POP_EXPIRED'],
    ['no time', claiming({ iat: undefined }), 'POP_EXPIRED'],
    ['another type', { boundSignature: jws(header, JSON.stringify(claims)) }, 'POP_SIGNATURE_INVALID'],
    ['a badge', { boundSignature: jws({ ...bound, typ: 'JWT' }, JSON.stringify(claims)) }, 'POP_SIGNATURE_INVALID'],
    ['another key', { boundSignature: jws(bound, JSON.stringify(claims), stranger) }, 'POP_SIGNATURE_INVALID'],
    [
      'a key of another DID',
      { boundSignature: jws({ ...bound, kid: `${DID}x` }, JSON.stringify(claims)) },
      'POP_SIGNATURE_INVALID',
    ],
    ['an extension', { boundSignature: jws({ ...bound, crit: [] }, JSON.stringify(claims)) }, 'POP_SIGNATURE_INVALID'],
    ['no JSON', { boundSignature: jws(bound, 'x') }, 'POP_SIGNATURE_INVALID'],
    ['padding', { boundSignature: `${jws(bound, JSON.stringify(claims))}==` }, 'POP_SIGNATURE_INVALID'],
    ['too much', { boundSignature: 'A'.repeat(9000) }, 'POP_SIGNATURE_INVALID'],
    ['a nonce of another making', { nonce: 'x' }, 'POP_NONCE_INVALID'],
  ])('refuses a server/discover answer with %s', async (_, answer, code) => {
    await expect(verifyAs({ ...discover, signature: '', boundSignature: '', ...answer })).rejects.toMatchObject({
      code,
    })
  })

  it('does not take the older form where the bound one is there and wrong', async () => {
    const exchange = {
      ...initialize,
      signature: GOLDEN,
      ...claiming({ aud: 'https://evil.example', method: 'initialize' }),
    }
    await expect(verifyAs(exchange)).rejects.toMatchObject({ code: 'POP_SIGNATURE_INVALID' })
  })

  it.each([
    [30_000, true],
    [30_001, false],
    [-60_001, false],
  ])('takes a request that is %d ms old: %s', async (ageMs, taken) => {
    const exchange = { ...initialize, createdAtMs: NOW_MS - ageMs, signature: GOLDEN, boundSignature: '' }
    const outcome = await verifyAs(exchange).then(
      () => 'taken',
      (error) => error.code,
    )
    expect(outcome).toBe(taken ? 'taken' : 'POP_EXPIRED')
  })

  it('takes an older request where it says so', async () => {
    const exchange = { ...initialize, createdAtMs: NOW_MS - 299_000, signature: GOLDEN, boundSignature: '' }
    await verifyAs(exchange, { maxAgeMs: 300_000 })
  })
})

describe('in _meta', () => {
  it('travel both spellings of nonce and answer', async () => {
    const request = generatePopRequest()
    expect(request.nonce).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(generatePopRequest().nonce).not.toBe(request.nonce)
    const meta = popRequestToMeta(request)
    expect(meta).toEqual({
      capiscio_pop_nonce: request.nonce,
      'io.capisc/pop-nonce': request.nonce,
      capiscio_pop_created_at: NOW_MS / 1000,
      'io.capisc/pop-created-at': NOW_MS / 1000,
    })
    expect(popRequestFromMeta(meta, 'initialize')).toEqual(request)
    const response = await createPopResponse(request, server)
    expect(popResponseFromMeta(popResponseToMeta(response))).toEqual(response)
  })

  it('is nothing where there is nothing', () => {
    expect(popRequestFromMeta({ capiscio_pop_nonce: 7 }, 'initialize')).toBeUndefined()
    expect(popRequestFromMeta(undefined, 'initialize')).toBeUndefined()
    expect(popResponseFromMeta({})).toBeUndefined()
  })

  it('is a conflict when the spellings differ', () => {
    const conflict = expect.objectContaining({ code: 'POP_META_CONFLICT' })
    expect(() =>
      popRequestFromMeta({ capiscio_pop_nonce: NONCE, 'io.capisc/pop-nonce': `${NONCE}A` }, 'initialize'),
    ).toThrow(conflict)
    expect(() => popResponseFromMeta({ capiscio_pop_signature: 'a', 'io.capisc/pop-signature': 'b' })).toThrow(conflict)
  })

  it('takes the time of arrival for a request without one', () => {
    expect(popRequestFromMeta({ capiscio_pop_nonce: NONCE }, 'initialize')?.createdAtMs).toBe(NOW_MS)
  })
})

describe('a request', () => {
  it.each([
    [{ createdAtMs: NOW_MS - 30_000 }, undefined, false],
    [{ createdAtMs: NOW_MS - 30_001 }, undefined, true],
    [{ createdAtMs: NOW_MS - 300_000 }, 300_000, false],
    [{ createdAtMs: NOW_MS - 300_001 }, 300_000, true],
    [{ createdAtMs: NOW_MS + 60_000 }, undefined, false],
    [{ createdAtMs: NOW_MS + 60_001 }, undefined, true],
    [{ createdAtMs: Number.NaN }, undefined, true],
  ])('made at %j with an age limit of %s is expired: %s', (request, maxAgeMs, expired) => {
    expect(isPopRequestExpired(request, maxAgeMs)).toBe(expired)
  })
})
