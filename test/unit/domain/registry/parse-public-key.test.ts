import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { toPublicKeyPem } from '../../../../core/src/domain/did/key-pem.ts'
import { parsePublicKey } from '../../../../core/src/domain/registry/parse-public-key.ts'
import { refusalOf } from '../../../tools/refusal.ts'

const key = createNodeEd25519Signer(new Uint8Array(32).fill(1)).publicKey
const jwk = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') })

describe('reading a public key', () => {
  it('finds the same key in every form', () => {
    const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(seeds, (seed) => {
        const { publicKey } = createNodeEd25519Signer(seed)
        const bytes = Buffer.from(publicKey)
        const x = bytes.toString('base64url')
        const forms = [
          bytes.toString('base64'),
          x,
          toPublicKeyPem(publicKey),
          JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x }),
        ]
        for (const form of forms) expect(parsePublicKey(form)).toEqual(publicKey)
      }),
      { numRuns: 50 },
    )
  })

  it('finds one or refuses, whatever the text is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String(), fc.json()), (text) => {
        const outcome = refusalOf(() => parsePublicKey(text))
        expect(typeof outcome === 'string' ? outcome : 'found').toMatch(
          /^(found|RegistryRefused (invalid_public_key|private_key_sent))$/,
        )
      }),
    )
  })

  it('refuses a PEM of another algorithm with a key as long: X25519', () => {
    const pem = toPublicKeyPem(key)
    const der = Buffer.from(pem.split('\n')[1] ?? '', 'base64')
    // id-X25519 is 1.3.101.110, id-Ed25519 is 1.3.101.112 (RFC 8410 §3).
    der[8] = 0x6e
    const other = pem.replace(pem.split('\n')[1] ?? '', der.toString('base64'))
    expect(refusalOf(() => parsePublicKey(other))).toBe('RegistryRefused invalid_public_key')
    expect(refusalOf(() => parsePublicKey(pem.replaceAll('PUBLIC KEY', 'CERTIFICATE')))).toBe(
      'RegistryRefused invalid_public_key',
    )
  })

  it('looks at no more than 4096 characters', () => {
    expect(parsePublicKey(jwk.padEnd(4096))).toEqual(key)
    expect(refusalOf(() => parsePublicKey(jwk.padEnd(4097)))).toBe('RegistryRefused invalid_public_key')
  })
})
