import { readFileSync } from 'node:fs'
import { base58 } from '@scure/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { didKeyKid, isDidKey, parseDidKey, toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { keyThumbprint } from '../../../../core/src/domain/did/key-thumbprint.ts'
import { parsePublicJwk } from '../../../../core/src/domain/did/public-jwk.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { sharedVectors } from '../../../tools/shared-vectors.ts'
import { fromHex } from '../../../tools/weak-keys.ts'

const RFC8037 = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'

/** did:key text of arbitrary decoded bytes. */
const didKeyOf = (...bytes: number[]): string => `did:key:z${base58.encode(Uint8Array.from(bytes))}`

const KEY = [...fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')]

describe('a did:key', () => {
  it.each([
    [RFC8037, 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'],
    [
      'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
      '2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6',
    ],
    [
      'did:key:z6Mkf5rGMoatrSj1f4CyvuHBeXJELe9RPdzo2PKGNCKVtZxP',
      '095f9a1a595dde755d82786864ad03dfa5a4fbd68832566364e2b65e13cc9e44',
    ],
  ])('names its key: %s', (did, hex) => {
    expect(parseDidKey(did)).toEqual(fromHex(hex))
    expect(toDidKey(fromHex(hex))).toBe(did)
  })

  it('names one key, and each key has one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        const did = toDidKey(key)
        expect(did).toMatch(/^did:key:z6Mk.{44}$/)
        expect(parseDidKey(did)).toEqual(key)
      }),
    )
  })

  it('has one key id', () => {
    expect(didKeyKid(RFC8037)).toBe(`${RFC8037}#z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw`)
  })

  it.each([
    ['nothing after the method', 'did:key:'],
    ['another method', RFC8037.replace('key', 'web')],
    ['upper case', RFC8037.replace('did', 'DID')],
    ['another multibase', RFC8037.replace(':z', ':m')],
    ['a fragment', `${RFC8037}#x`],
    ['a fourth part', `${RFC8037}:x`],
    ['a space', `${RFC8037} `],
    ['a line break', `${RFC8037}\n`],
    ['a character outside the alphabet', RFC8037.replace('M', '0')],
    ['one character less', RFC8037.slice(0, -1)],
    ['a leading zero byte', RFC8037.replace(':z', ':z1')],
    ['the raw key without prefix', didKeyOf(...KEY)],
    ['the prefix of X25519', didKeyOf(0xec, 0x01, ...KEY)],
    ['the prefix of secp256k1', didKeyOf(0xe7, 0x01, ...KEY)],
    ['the prefix of an Ed25519 private key', didKeyOf(0x80, 0x26, ...KEY)],
    ['31 bytes of key', didKeyOf(0xed, 0x01, ...KEY.slice(1))],
    ['33 bytes of key', didKeyOf(0xed, 0x01, ...KEY, 0)],
    ['a prefix with a varint that is longer than needed', didKeyOf(0xed, 0x81, 0x00, ...KEY.slice(1))],
    ['a second byte of the prefix that is off by one', didKeyOf(0xed, 0x02, ...KEY)],
    ['a million characters', `did:key:z6Mk${'a'.repeat(1_000_000)}`],
  ])('is refused with %s', (_, did) => {
    expect(refusalOf(() => parseDidKey(did))).toBe('DidRefused DID_MALFORMED')
  })

  it.each([
    ['ec fe', '1'],
    ['ed 02', 'z'],
  ])('is refused when its text has the right form and spells the prefix %s', (_, character) => {
    expect(refusalOf(() => parseDidKey(`did:key:z6Mk${character.repeat(44)}`))).toBe('DidRefused DID_MALFORMED')
  })

  it('is recognised by its prefix alone', () => {
    expect(isDidKey('did:key:anything')).toBe(true)
    expect(isDidKey('did:web:key')).toBe(false)
    expect(isDidKey('DID:key:x')).toBe(false)
  })

  it('is never made of a wrong length', () => {
    expect(() => toDidKey(new Uint8Array(31))).toThrow(TypeError)
  })
})

describe('the thumbprint of a key (RFC 7638)', () => {
  it.each([
    ['d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'],
    ['2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6', 'jFDaeGsWf0aXgg1ezRT8nsPz0OUCctRstgJOHJHKVng'],
  ])('of %s is the published one', (hex, thumbprint) => {
    expect(keyThumbprint(fromHex(hex))).toBe(thumbprint)
  })
})

const published = sharedVectors('did-key/ed25519-x25519.json')
if (published === undefined) console.info('did:key vectors are not beside the project: their suite is skipped')

describe.skipIf(published === undefined)('the did:key vectors of the W3C CCG', () => {
  const vectors = (published === undefined ? {} : JSON.parse(readFileSync(published, 'utf8'))) as Record<
    string,
    { readonly verificationKeyPair: { readonly publicKeyBase58?: string; readonly publicKeyJwk?: object } }
  >

  it('agree in both directions', () => {
    const all = Object.entries(vectors)
    expect(all.length).toBeGreaterThan(0)
    for (const [did, { verificationKeyPair }] of all) {
      const { publicKeyBase58, publicKeyJwk } = verificationKeyPair
      const key = publicKeyBase58 === undefined ? parsePublicJwk(publicKeyJwk) : base58.decode(publicKeyBase58)
      expect(parseDidKey(did)).toEqual(key)
      expect(toDidKey(key)).toBe(did)
    }
  })
})
