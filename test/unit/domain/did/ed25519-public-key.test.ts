import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { findVerificationKey } from '../../../../core/src/domain/did/did-document.ts'
import { parseDidKey, toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { isSameKey, parseEd25519PublicKey } from '../../../../core/src/domain/did/ed25519-public-key.ts'
import { toMultibaseKey } from '../../../../core/src/domain/did/multibase-key.ts'
import { parsePublicJwk } from '../../../../core/src/domain/did/public-jwk.ts'
import { parseJwks } from '../../../../core/src/domain/trust/jwks.ts'
import { encodeBase64url } from '../../../../core/src/lib/base64url.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { sharedVectors } from '../../../tools/shared-vectors.ts'
import { fromHex, WEAK_KEYS } from '../../../tools/weak-keys.ts'

const GOOD = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')

const jwkOf = (key: Uint8Array) => ({ kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(key) })

/** Every way a key gets in, given its 32 bytes. */
const ENTRANCES: readonly (readonly [string, (key: Uint8Array) => unknown])[] = [
  ['raw bytes', (key) => parseEd25519PublicKey(key)],
  ['a JWK', (key) => parsePublicJwk(jwkOf(key))],
  ['a did:key', (key) => parseDidKey(toDidKey(key))],
  [
    'publicKeyMultibase of a DID document',
    (key) =>
      findVerificationKey(
        JSON.stringify({
          id: 'did:web:a.b',
          verificationMethod: [{ id: '#k', publicKeyMultibase: toMultibaseKey(key) }],
        }),
        'did:web:a.b',
        'did:web:a.b#k',
      ),
  ],
  [
    'publicKeyJwk of a DID document',
    (key) =>
      findVerificationKey(
        JSON.stringify({ id: 'did:web:a.b', verificationMethod: [{ id: '#k', publicKeyJwk: jwkOf(key) }] }),
        'did:web:a.b',
        'did:web:a.b#k',
      ),
  ],
]

describe('an Ed25519 public key', () => {
  describe.each(ENTRANCES)('that arrives as %s', (_, admit) => {
    it('is admitted when it is sound', () => {
      expect(admit(GOOD)).toEqual(GOOD)
    })

    it.each(WEAK_KEYS)('is refused when it is the weak key %s', (hex) => {
      expect(refusalOf(() => admit(fromHex(hex)))).toBe('DidRefused KEY_WEAK')
    })
  })

  it.each(WEAK_KEYS)('is left out of a key set when it is the weak key %s', (hex) => {
    const keys = [jwkOf(fromHex(hex)), jwkOf(GOOD)]
    expect(parseJwks(JSON.stringify({ keys })).map(({ publicKey }) => publicKey)).toEqual([GOOD])
  })

  it('is refused in every spelling with y at or above the field prime', () => {
    for (let low = 0xed; low <= 0xff; low++) {
      for (const high of ['7f', 'ff']) {
        const hex = low.toString(16) + 'ff'.repeat(30) + high
        expect(
          refusalOf(() => parseEd25519PublicKey(fromHex(hex))),
          hex,
        ).toBe('DidRefused KEY_WEAK')
      }
    }
  })

  it.each([
    'ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7e',
    'edfefffffffffffffffffffffffffffffffffffffffffffffffffffffffffe7f',
    'edfeffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0200000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000001',
  ])('is admitted when it is a near neighbour of the refused ones: %s', (hex) => {
    expect(parseEd25519PublicKey(fromHex(hex))).toEqual(fromHex(hex))
  })

  it.each([0, 31, 33, 64])('is refused with %i bytes', (length) => {
    expect(refusalOf(() => parseEd25519PublicKey(new Uint8Array(length).fill(7)))).toBe('DidRefused KEY_MALFORMED')
  })

  // Bytes of a message are a Buffer in Node, of which `slice` gives no copy.
  it.each([
    ['bytes', (key: Uint8Array) => Uint8Array.from(key)],
    ['a Buffer', (key: Uint8Array) => Buffer.from(key)],
  ])('is a copy of %s that later changes of the input do not reach, nor it the input', (_, make) => {
    const negative = GOOD.with(31, (GOOD[31] ?? 0) | 0x80)
    for (const good of [GOOD, negative]) {
      const bytes = make(good)
      const key = parseEd25519PublicKey(bytes)
      expect([Uint8Array.from(bytes), Uint8Array.from(key)]).toEqual([good, good])
      bytes.fill(0)
      expect(Uint8Array.from(key)).toEqual(good)
    }
  })

  it('equals only itself', () => {
    const other = GOOD.slice()
    other[31] = (other[31] ?? 0) ^ 0x80
    expect(isSameKey(parseEd25519PublicKey(GOOD), parseEd25519PublicKey(GOOD))).toBe(true)
    expect(isSameKey(parseEd25519PublicKey(GOOD), parseEd25519PublicKey(other))).toBe(false)
  })
})

const cctv = sharedVectors('ed25519-edge/ed25519vectors.json')
if (cctv === undefined) console.info('CCTV Ed25519 vectors are not beside the project: their suite is skipped')

describe.skipIf(cctv === undefined)('the CCTV edge cases', () => {
  const vectors = (cctv === undefined ? [] : JSON.parse(readFileSync(cctv, 'utf8'))) as readonly {
    readonly key: string
    readonly flags: readonly string[] | null
  }[]
  const keys = new Map(vectors.map(({ key, flags }) => [key, flags ?? []]))

  it('hold 14 low-order keys, all refused everywhere', () => {
    const weak = [...keys].filter(([, flags]) => flags.includes('low_order_A')).map(([key]) => key)
    expect(weak.toSorted()).toEqual(WEAK_KEYS.toSorted())
    for (const key of weak) {
      for (const [name, admit] of ENTRANCES) {
        expect(
          refusalOf(() => admit(fromHex(key))),
          `${name}: ${key}`,
        ).toBe('DidRefused KEY_WEAK')
      }
    }
  })

  it('hold other non-canonical keys, all refused', () => {
    const odd = [...keys].filter(([, flags]) => flags.includes('non_canonical_A')).map(([key]) => key)
    expect(odd.length).toBeGreaterThan(0)
    for (const key of odd)
      expect(
        refusalOf(() => parseEd25519PublicKey(fromHex(key))),
        key,
      ).toBe('DidRefused KEY_WEAK')
  })

  it('hold ordinary keys, admitted', () => {
    const plain = [...keys].filter(([, flags]) => !flags.some((flag) => /_A$/.test(flag))).map(([key]) => key)
    expect(plain.length).toBeGreaterThan(0)
    for (const key of plain) expect(parseEd25519PublicKey(fromHex(key))).toEqual(fromHex(key))
  })
})

it('a refusal tells a point of small order from a second spelling', () => {
  expect(() => parseEd25519PublicKey(new Uint8Array(32))).toThrow(/small order: generate a new key/)
  // y = p + 3, which is 3 in canonical form.
  const spelledTwice = Uint8Array.of(0xf0, ...new Uint8Array(30).fill(0xff), 0x7f)
  expect(() => parseEd25519PublicKey(spelledTwice)).toThrow(/not in canonical form: generate a new key/)
})
