import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { toPrivateJwk, toPublicJwk } from '../../../../core/src/domain/did/key-jwk.ts'
import { parsePrivateJwk } from '../../../../core/src/domain/did/private-jwk.ts'
import { decodeBase64url } from '../../../../core/src/lib/base64url.ts'
import { refusalOf } from '../../../tools/refusal.ts'

// RFC 8037 appendix A.1
const D = 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A'
const X = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
const JWK = { kty: 'OKP', crv: 'Ed25519', d: D, x: X }

const parse = (jwk: unknown) => parsePrivateJwk(jwk, createNodeEd25519Signer)

describe('a private JWK', () => {
  it('is the key of its did:key', () => {
    const { signer, kid } = parse({ ...JWK, kid: 'mine', alg: 'EdDSA', use: 'sig' })
    expect(toDidKey(signer.publicKey)).toBe('did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw')
    expect(kid).toBe('mine')
    expect(parse(JWK).kid).toBeUndefined()
    expect(parse({ ...JWK, kid: 5 }).kid).toBeUndefined()
  })

  it('is read back from what is written', () => {
    const publicKey = decodeBase64url(X) ?? new Uint8Array()
    const jwk = toPrivateJwk(publicKey, decodeBase64url(D) ?? new Uint8Array(), 'k')
    expect(jwk).toEqual({ kty: 'OKP', crv: 'Ed25519', x: X, d: D, kid: 'k', alg: 'EdDSA', use: 'sig' })
    expect(parse(jwk).signer.publicKey).toEqual(publicKey)
    expect(toPublicJwk(publicKey, 'k')).toEqual({
      kty: 'OKP',
      crv: 'Ed25519',
      x: X,
      kid: 'k',
      alg: 'EdDSA',
      use: 'sig',
    })
  })

  it.each<[string, unknown, string]>([
    ['without its private half', { ...JWK, d: undefined }, 'KEY_NOT_PRIVATE'],
    ['without its public half', { ...JWK, x: undefined }, 'KEY_MALFORMED'],
    ['whose halves belong to two keys', { ...JWK, x: 'Lm_M42cB3HkUiODQsXRcweM6TByfzEHGO9ND274JcOY' }, 'KEY_MALFORMED'],
    ['with 31 secret bytes', { ...JWK, d: `${D.slice(0, 41)}A` }, 'KEY_MALFORMED'],
    [
      'with 64 secret bytes, as some tools write them',
      { ...JWK, d: Buffer.alloc(64, 1).toString('base64url') },
      'KEY_MALFORMED',
    ],
    ['with padding', { ...JWK, d: `${D}=` }, 'KEY_MALFORMED'],
    ['whose secret is a number', { ...JWK, d: 5 }, 'KEY_MALFORMED'],
    ['for encryption', { ...JWK, use: 'enc' }, 'KEY_MALFORMED'],
    ['of another curve', { ...JWK, crv: 'X25519' }, 'KEY_MALFORMED'],
    ['that is null', null, 'KEY_MALFORMED'],
    ['that is a text', D, 'KEY_MALFORMED'],
  ])('is refused %s', (_what, jwk, code) => {
    expect(refusalOf(() => parse(jwk))).toBe(`DidRefused ${code}`)
  })

  it('is quoted by no refusal', () => {
    for (const jwk of [
      { ...JWK, crv: 'X25519' },
      { ...JWK, d: `${D}=` },
      { ...JWK, x: 'Lm_M42cB3HkUiODQsXRcweM6TByfzEHGO9ND274JcOY' },
    ]) {
      expect(() => parse(jwk)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(D.slice(0, 8)) }))
    }
  })
})
