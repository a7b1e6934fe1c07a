import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { isSoundEd25519Key } from '@capiscio/proto/sdk'
import { base58 } from '@scure/base'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ed25519KeyFlaw } from '../../../core/src/lib/ed25519-key-form.ts'
import {
  loadPrivateKey,
  loadPublicKey,
  publicKeyFromDidKey,
  publicKeyToDidKey,
  verifyPopResponse,
} from '../../../sdk-node/src/index.ts'
import { fromHex, WEAK_KEYS } from '../../tools/weak-keys.ts'

const DID = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
const X = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: X }, format: 'jwk' })
const spki = (raw: Uint8Array): string => {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]).toString('base64')
  return `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`
}
const didOf = (bytes: Uint8Array): string => `did:key:z${base58.encode(bytes)}`

describe('the did:key of a public key', () => {
  test('and the key inside a did:key are each other', () => {
    expect(publicKeyToDidKey(publicKey)).toBe(DID)
    expect(publicKeyFromDidKey(DID).export({ format: 'jwk' }).x).toBe(X)
    for (let round = 0; round < 20; round += 1) {
      const pair = generateKeyPairSync('ed25519')
      const did = publicKeyToDidKey(pair.publicKey.export({ format: 'pem', type: 'spki' }).toString())
      expect(
        verify(null, Buffer.from('a'), publicKeyFromDidKey(did), sign(null, Buffer.from('a'), pair.privateKey)),
      ).toBe(true)
    }
  })

  const raw = Buffer.from(X, 'base64url')
  test.each([
    ['no DID', ''],
    ['another method', DID.replace('did:key:', 'did:web:')],
    ['a fragment', `${DID}#${DID.slice(8)}`],
    ['32 bytes without their prefix', didOf(raw)],
    ['the prefix of an X25519 key', didOf(Uint8Array.of(0xec, 1, ...raw))],
    ['the second byte of the prefix', didOf(Uint8Array.of(0xed, 2, ...raw))],
    ['31 bytes', didOf(Uint8Array.of(0xed, 1, ...raw.subarray(1)))],
    ['33 bytes', didOf(Uint8Array.of(0xed, 1, ...raw, 0))],
    ['a character that base 58 does not have', DID.replace('M', '0')],
    ['another base', DID.replace(':z', ':f')],
    ['much text', `${DID}${'1'.repeat(100_000)}`],
  ])('is refused: %s', (_, did) => {
    expect(() => publicKeyFromDidKey(did)).toThrow(
      new TypeError('The DID must be a did:key with an Ed25519 public key: did:key:z6Mk…'),
    )
  })
})

describe('keys under which anybody can sign', () => {
  test.each(WEAK_KEYS)('are refused in every form: %s', async (hex) => {
    const weak = fromHex(hex)
    expect(() => publicKeyFromDidKey(didOf(Uint8Array.of(0xed, 1, ...weak)))).toThrow('weak public key')
    expect(() => loadPublicKey(spki(weak))).toThrow('key is weak')
    const key = createPublicKey(spki(weak))
    expect(() => publicKeyToDidKey(key)).toThrow('key is weak')
    const exchange = {
      nonce: 'A'.repeat(43),
      createdAtMs: Date.now(),
      method: 'initialize',
      signature: '',
      boundSignature: '',
    } as const
    await expect(verifyPopResponse(exchange, { serverDid: DID, audience: 'stdio', publicKey: key })).rejects.toThrow(
      'key is weak',
    )
  })

  test.each([0, 31, 33, 64])('are none of %i bytes', (length) => {
    expect(isSoundEd25519Key(new Uint8Array(length).fill(9))).toBe(false)
  })

  test('are those that the core refuses, whatever the bytes', () => {
    const edges = [...WEAK_KEYS, `ed${'ff'.repeat(30)}7f`, `ec${'ff'.repeat(30)}7f`, `ee${'ff'.repeat(30)}ff`]
    const nearEdge = fc
      .tuple(fc.constantFrom(...edges), fc.nat(31), fc.nat(255))
      .map(([edge, at, byte]) => Uint8Array.from(fromHex(edge)).with(at, byte))
    const keys = fc.oneof(nearEdge, fc.constantFrom(...edges).map(fromHex), fc.uint8Array({ maxLength: 40 }))
    fc.assert(
      fc.property(keys, (key) => {
        expect(isSoundEd25519Key(key)).toBe(ed25519KeyFlaw(key) === undefined)
      }),
      { numRuns: 1000 },
    )
  })

  test('are told from their neighbours', () => {
    // y = 2^255 - 20 is the highest canonical one of its kind that is of small order; 2^255 - 21 is not.
    expect(() =>
      loadPublicKey(spki(fromHex('ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'))),
    ).not.toThrow()
    expect(() =>
      loadPublicKey(spki(fromHex('efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'))),
    ).toThrow('key is weak')
  })
})

describe('PEM files', () => {
  const pair = generateKeyPairSync('ed25519')
  const privatePem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const publicPem = pair.publicKey.export({ format: 'pem', type: 'spki' }).toString()

  test('give the key that they hold', () => {
    expect(loadPrivateKey(privatePem).equals(pair.privateKey)).toBe(true)
    expect(loadPublicKey(publicPem).equals(pair.publicKey)).toBe(true)
  })

  test('are refused for the other kind of key, without a word of it', () => {
    const ecPem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const others = [
      () => loadPublicKey(privatePem),
      () => loadPrivateKey(publicPem),
      () => loadPublicKey(ecPem.publicKey.export({ format: 'pem', type: 'spki' }).toString()),
      () => loadPrivateKey(ecPem.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
      () => loadPrivateKey('secret words'),
      () => loadPublicKey(publicPem.replace('PUBLIC KEY', 'RSA PUBLIC KEY')),
    ]
    for (const load of others)
      expect(load).toThrow(/^The (?:private|public) key must be an Ed25519 \w+ key: a KeyObject or PEM text\.$/)
  })
})
