import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseJwks, selectIssuerKeys } from '../../../../core/src/domain/trust/jwks.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { sharedVectors } from '../../../tools/shared-vectors.ts'

const A = createFakeIssuer('a', 1)
const B = createFakeIssuer('b', 2)
const EC = {
  kty: 'EC',
  crv: 'P-256',
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
}

const kidsOf = (...keys: unknown[]) => parseJwks(JSON.stringify({ keys })).map(({ kid }) => kid)

describe('a key set', () => {
  it('gives its usable keys in order', () => {
    const [a, b] = parseJwks(JSON.stringify({ keys: [A.jwk, B.jwk] }))
    expect(a).toEqual({
      kid: 'a',
      algorithm: 'EdDSA',
      publicKey: A.publicKey,
      thumbprint: expect.stringMatching(/^[\w-]{43}$/),
    })
    expect(b).toMatchObject({ kid: 'b', publicKey: B.publicKey })
  })

  it.each([
    ['of another type', { ...EC, kid: 'x' }],
    ['for encryption', { ...B.jwk, kid: 'x', use: 'enc' }],
    ['for another algorithm', { ...B.jwk, kid: 'x', alg: 'ES256' }],
    ['with its private half', { ...B.jwk, kid: 'x', d: B.jwk.x }],
    ['of the wrong length', { ...B.jwk, kid: 'x', x: 'AAAA' }],
    ['of small order', { ...B.jwk, kid: 'x', x: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['with a kid that is no text', { ...B.jwk, kid: 7 }],
    ['with a null kid', { ...B.jwk, kid: null }],
    ['that is no object', 'x'],
    ['that is null', null],
    ['that is an array', [B.jwk]],
  ])('leaves out a key %s and keeps the rest', (_, key) => {
    expect(kidsOf(A.jwk, key)).toEqual(['a'])
    expect(kidsOf(key, A.jwk)).toEqual(['a'])
  })

  it('keeps several keys without kid', () => {
    const { kid: _a, ...a } = A.jwk
    const { kid: _b, ...b } = B.jwk
    expect(kidsOf(a, b)).toEqual([undefined, undefined])
  })

  describe('when a kid occurs twice', () => {
    it.each([
      ['different keys', { ...A.jwk, kid: 'b' }],
      ['the same key', B.jwk],
      ['a key of another type', { ...EC, kid: 'b' }],
      ['a key for another use', { ...A.jwk, kid: 'b', use: 'enc' }],
      ['a private key', { ...A.jwk, kid: 'b', d: 'x' }],
    ])('with %s, keeps none of them', (_, other) => {
      expect(kidsOf(A.jwk, B.jwk, other)).toEqual(['a'])
      expect(kidsOf(other, A.jwk, B.jwk)).toEqual(['a'])
    })
  })

  it.each(['__proto__', 'constructor', 'toString', ''])('takes the kid %j for a text like any other', (kid) => {
    expect(kidsOf({ ...A.jwk, kid }, B.jwk)).toEqual([kid, 'b'])
  })

  it('may be a single key', () => {
    expect(parseJwks(JSON.stringify(A.jwk)).map(({ kid }) => kid)).toEqual(['a'])
    expect(parseJwks(JSON.stringify({ ...A.jwk, d: 'x' }))).toEqual([])
  })

  it('may be empty', () => {
    expect(kidsOf()).toEqual([])
  })

  it.each([
    ['no JSON', '<html>'],
    ['an array', JSON.stringify([A.jwk])],
    ['an object without keys', '{}'],
    ['an object of keys', JSON.stringify({ keys: { a: A.jwk } })],
    ['a null list', JSON.stringify({ ...A.jwk, keys: null })],
    ['repeating a name', `{"keys":[],"keys":[${JSON.stringify(A.jwk)}]}`],
    ['repeating a name in a key', `{"keys":[{"kty":"OKP","kty":"OKP"}]}`],
  ])('is refused as a whole when it is %s', (_, text) => {
    expect(refusalOf(() => parseJwks(text))).toBe('TrustRefused JWKS_MALFORMED')
  })

  it('is refused above 1 MiB and read at it', () => {
    const padded = (length: number): string => {
      const text = JSON.stringify({ keys: [A.jwk], pad: '' })
      return text.replace('"pad":""', `"pad":"${'x'.repeat(length - text.length)}"`)
    }
    expect(parseJwks(padded(1_048_576))).toHaveLength(1)
    expect(refusalOf(() => parseJwks(padded(1_048_577)))).toBe('TrustRefused JWKS_TOO_LARGE')
  })
})

describe('the keys that may have signed a badge', () => {
  const keys = parseJwks(JSON.stringify({ keys: [1, 2, 3, 4, 5, 6].map((n) => createFakeIssuer(`k${n}`, n).jwk) }))

  it('is the one that its kid names', () => {
    expect(selectIssuerKeys(keys, { kid: 'k6', algorithm: 'EdDSA' })).toEqual([keys[5]])
  })

  it.each(['k7', 'K6', '', '__proto__'])('is none under the unknown kid %j', (kid) => {
    expect(selectIssuerKeys(keys, { kid, algorithm: 'EdDSA' })).toEqual([])
  })

  it('are the first five when it names none', () => {
    expect(selectIssuerKeys(keys, { kid: undefined, algorithm: 'EdDSA' })).toEqual(keys.slice(0, 5))
  })

  it('never include a key without kid when one is named', () => {
    const { kid: _, ...unnamed } = A.jwk
    expect(selectIssuerKeys(parseJwks(JSON.stringify({ keys: [unnamed] })), { kid: 'a', algorithm: 'EdDSA' })).toEqual(
      [],
    )
  })
})

describe('a key set where ES256 is enabled', () => {
  const enabled = (...keys: unknown[]) => parseJwks(JSON.stringify({ keys }), { allowEs256: true })
  const ec = { ...EC, kid: 'ec' }

  it('gives its keys of both kinds in order, each for its own algorithm', () => {
    expect(enabled(A.jwk, ec, B.jwk).map(({ kid, algorithm }) => [kid, algorithm])).toEqual([
      ['a', 'EdDSA'],
      ['ec', 'ES256'],
      ['b', 'EdDSA'],
    ])
    const [key] = enabled(ec)
    expect(key?.publicKey).toHaveLength(65)
    // The example of RFC 7517 appendix A.1.
    expect(key?.thumbprint).toBe('cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s')
  })

  it.each([
    ['on another curve', { ...ec, crv: 'P-384' }],
    ['off the curve', { ...ec, x: EC.y, y: EC.x }],
    ['for EdDSA', { ...ec, alg: 'EdDSA' }],
    ['for encryption', { ...ec, use: 'enc' }],
    ['with its private half', { ...ec, d: EC.x }],
    ['that is an RSA key', { kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'ec' }],
  ])('leaves out a key %s and keeps the rest', (_, key) => {
    expect(enabled(A.jwk, key).map(({ kid }) => kid)).toEqual(['a'])
  })

  it('selects only keys for the algorithm of the badge', () => {
    const five = [1, 2, 3, 4, 5].map((n) => createFakeIssuer(`k${n}`, n).jwk)
    const keys = enabled(...five, ec)
    expect(selectIssuerKeys(keys, { kid: 'ec', algorithm: 'ES256' })).toEqual([keys[5]])
    expect(selectIssuerKeys(keys, { kid: 'ec', algorithm: 'EdDSA' })).toEqual([])
    expect(selectIssuerKeys(keys, { kid: 'k1', algorithm: 'ES256' })).toEqual([])
    // Keys that do not fit are not among the five that are tried.
    expect(selectIssuerKeys(keys, { kid: undefined, algorithm: 'ES256' })).toEqual([keys[5]])
    expect(selectIssuerKeys(keys, { kid: undefined, algorithm: 'EdDSA' })).toEqual(keys.slice(0, 5))
  })
})

const wycheproof = sharedVectors('wycheproof/json_web_key_test.json')
if (wycheproof === undefined) console.info('Wycheproof vectors are not beside the project: their suite is skipped')

describe.skipIf(wycheproof === undefined)('the key sets of Wycheproof', () => {
  it('hold no usable key, private or public half', () => {
    const { testGroups } = JSON.parse(readFileSync(wycheproof ?? '', 'utf8')) as {
      readonly testGroups: readonly { readonly private: object; readonly public?: object }[]
    }
    expect(testGroups.length).toBeGreaterThan(0)
    for (const group of testGroups) {
      expect(parseJwks(JSON.stringify(group.private))).toEqual([])
      if (group.public !== undefined) expect(parseJwks(JSON.stringify(group.public))).toEqual([])
    }
  })
})
