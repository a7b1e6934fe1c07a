import { describe, expect, it } from 'vitest'
import { fetchJwks } from '../../../../core/src/domain/trust/fetch-jwks.ts'
import { createFetchedIssuerKeys } from '../../../../core/src/domain/trust/fetched-issuer-keys.ts'
import type { OutboundHttp } from '../../../../core/src/ports/outbound-http.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'

const ISSUER = 'https://registry.example.com'

const answering = (body: Uint8Array): OutboundHttp => ({
  send: async () => ({ status: 200, headers: new Map([['content-type', 'application/json']]), body }),
})

const fetched = (body: Uint8Array) =>
  fetchJwks({ issuer: ISSUER, url: `${ISSUER}/jwks.json`, http: answering(body) }).catch((error: unknown) => error)

describe('the answer to a request for keys', () => {
  const sound = new TextEncoder().encode(JSON.stringify({ keys: [createFakeIssuer('ca-1', 1).jwk], name: 'é' }))

  it('is read as UTF-8', async () => {
    expect(await fetched(sound)).toMatchObject({ keys: 1, jwks: expect.stringContaining('é') })
  })

  it.each([
    ['is not UTF-8 text', sound.map((byte) => (byte === 0xc3 ? 0xff : byte))],
    ['is no key set: The key set is not a JSON object', new TextEncoder().encode('<html>')],
    ['is no key set: The key set has no array named keys', new TextEncoder().encode('{}')],
    ['has no usable key', new TextEncoder().encode('{"keys":[]}')],
  ])('says what is wrong when it %s', async (reason, body) => {
    expect(await fetched(body)).toMatchObject({
      name: 'SourceUnavailable',
      message: expect.stringContaining(`the keys of ${ISSUER} ${reason}`),
    })
  })
})

it('the keys of an issuer without URL cannot be had, and nobody is asked', async () => {
  const keys = createFetchedIssuerKeys({
    urls: new Map(),
    http: { send: () => Promise.reject(new Error('asked')) },
    clock: createFixedClock(0),
    maxStaleMs: 1,
    telemetry: { issuerKeysFetched: () => undefined, issuerKeysAged: () => undefined, fault: () => undefined },
  })
  await expect((async () => keys.keySet(ISSUER))()).rejects.toMatchObject({
    name: 'SourceUnavailable',
    message: `${ISSUER} has no URL to fetch keys from`,
  })
})
