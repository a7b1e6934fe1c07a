import { describe, expect, it } from 'vitest'
import { parsePublicJwk } from '../../../../core/src/domain/did/public-jwk.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { fromHex } from '../../../tools/weak-keys.ts'

const X = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
const JWK = { kty: 'OKP', crv: 'Ed25519', x: X }

describe('a public JWK', () => {
  it.each([
    ['with the least', JWK],
    ['for signatures', { ...JWK, use: 'sig' }],
    ['for EdDSA', { ...JWK, alg: 'EdDSA' }],
    ['with other members', { ...JWK, kid: 'a', key_ops: ['verify'], x5u: 'https://evil.example' }],
  ])('is read %s', (_, jwk) => {
    expect(parsePublicJwk(jwk)).toEqual(fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'))
  })

  it.each([
    ['that is no object', 'x'],
    ['that is null', null],
    ['that is missing', undefined],
    ['that is an array', [JWK]],
    ['of another type', { ...JWK, kty: 'EC' }],
    ['without type', { crv: 'Ed25519', x: X }],
    ['in lower case', { ...JWK, kty: 'okp' }],
    ['of X25519', { ...JWK, crv: 'X25519' }],
    ['of Ed448', { ...JWK, crv: 'Ed448' }],
    ['for encryption', { ...JWK, use: 'enc' }],
    ['with a null use', { ...JWK, use: null }],
    ['for another algorithm', { ...JWK, alg: 'ES256' }],
    ['for an algorithm spelled differently', { ...JWK, alg: 'eddsa' }],
    ['without x', { kty: 'OKP', crv: 'Ed25519' }],
    ['with a number for x', { ...JWK, x: 1 }],
    ['with padding', { ...JWK, x: `${X}=` }],
    ['in plain base64', { ...JWK, x: X.replace('_', '/') }],
    ['with left-over bits', { ...JWK, x: `${X.slice(0, -1)}p` }],
    ['one byte short', { ...JWK, x: X.slice(0, -1) }],
    ['one byte long', { ...JWK, x: `${X}AA` }],
    ['in multibase', { ...JWK, x: 'z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw' }],
  ])('is refused %s', (_, jwk) => {
    expect(refusalOf(() => parsePublicJwk(jwk))).toBe('DidRefused KEY_MALFORMED')
  })

  it.each(['nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', '', null])('is refused with its private half %j', (d) => {
    expect(refusalOf(() => parsePublicJwk({ ...JWK, d }))).toBe('DidRefused KEY_PRIVATE')
  })

  it('is refused without naming the key', () => {
    expect(() => parsePublicJwk({ ...JWK, d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' })).toThrow(
      /replace the key/,
    )
    expect(() => parsePublicJwk({ ...JWK, d: 'nWGxne_9WmC6hEr0' })).not.toThrow(/nWGx/)
  })
})
