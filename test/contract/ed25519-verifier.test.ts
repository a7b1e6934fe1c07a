import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Point } from '@noble/ed25519'
import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { createNobleEd25519Verifier } from '../../sdk-browser/src/verify/noble-ed25519.ts'
import { sharedVectors } from '../tools/shared-vectors.ts'
import { fromHex, WEAK_KEYS } from '../tools/weak-keys.ts'
import { ed25519VerifierContract, GROUP_ORDER } from './ed25519-verifier.contract.ts'

ed25519VerifierContract('of the runtime', () => createNodeEd25519Verifier({ maxKeys: 100 }))
ed25519VerifierContract('of the runtime, when it keeps one key', () => createNodeEd25519Verifier({ maxKeys: 1 }))
ed25519VerifierContract('without a native implementation', createNobleEd25519Verifier)

describe('the Ed25519 signer', () => {
  it('makes the signatures of RFC 8032', () => {
    const signer = createNodeEd25519Signer(fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'))
    expect(signer.publicKey).toEqual(fromHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'))
    expect(Buffer.from(signer.sign(fromHex('72'))).toString('hex')).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    )
  })

  it.each([0, 31, 33, 64])('is not made of %i bytes', (length) => {
    expect(() => createNodeEd25519Signer(new Uint8Array(length))).toThrow(TypeError)
  })
})

describe('the verifier without a native implementation', () => {
  const verifier = createNobleEd25519Verifier()
  const neutral = fromHex('0100000000000000000000000000000000000000000000000000000000000000')

  it.each(WEAK_KEYS)('answers false to the signature that every message has under %s', (hex) => {
    const signature = new Uint8Array(64)
    signature.set(neutral)
    for (let i = 0; i < 16; i++) expect(verifier.verify(fromHex(hex), Uint8Array.of(i), signature)).toBe(false)
  })

  it('answers false to an R of small order, which the owner of a key can make fit', () => {
    const seed = new Uint8Array(32).fill(1)
    const { publicKey } = createNodeEd25519Signer(seed)
    const message = Uint8Array.of(7)
    // With r = 0, R is the neutral point and s = k a.
    const k = toNumber(sha512(neutral, publicKey, message)) % GROUP_ORDER
    const s = (k * privateScalar(seed)) % GROUP_ORDER
    expect(Point.BASE.multiply(s).equals(Point.fromBytes(publicKey).multiply(k))).toBe(true)
    const signature = new Uint8Array(64)
    signature.set(neutral)
    for (let i = 0; i < 32; i++) signature[32 + i] = Number((s >> BigInt(8 * i)) & 0xffn)
    expect(verifier.verify(publicKey, message, signature)).toBe(false)
  })
})

const cctv = sharedVectors('ed25519-edge/ed25519vectors.json')
if (cctv === undefined) console.info('CCTV Ed25519 vectors are not beside the project: their suite is skipped')

describe.skipIf(cctv === undefined)('the CCTV edge cases, under keys that are not refused at entry', () => {
  const vectors = (cctv === undefined ? [] : JSON.parse(readFileSync(cctv, 'utf8'))) as readonly CctvVector[]
  const node = createNodeEd25519Verifier({ maxKeys: 100 })
  const noble = createNobleEd25519Verifier()
  const verdict = ({ key, msg, sig }: CctvVector, verifier: typeof node): boolean =>
    verifier.verify(fromHex(key), new TextEncoder().encode(msg), fromHex(sig))
  const admitted = vectors.filter(({ key }) => !WEAK_KEYS.includes(key))

  it('are accepted without a native implementation only where the runtime accepts them too', () => {
    expect(admitted.length).toBe(388)
    for (const vector of admitted) {
      if (verdict(vector, noble)) expect(verdict(vector, node), String(vector.number)).toBe(true)
    }
  })

  it('are accepted without a native implementation where nothing is odd, and nowhere else', () => {
    for (const vector of admitted) {
      const isPlain = (vector.flags ?? []).length === 0
      expect(verdict(vector, noble), `${vector.number} ${vector.flags?.join()}`).toBe(isPlain)
    }
  })
})

/** The scalar that a seed stands for (RFC 8032 §5.1.5). */
function privateScalar(seed: Uint8Array): bigint {
  const half = sha512(seed).slice(0, 32)
  half[0] = (half[0] ?? 0) & 0xf8
  half[31] = ((half[31] ?? 0) & 0x7f) | 0x40
  return toNumber(half)
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha512', Buffer.concat(parts), 'buffer'))
}

function toNumber(littleEndian: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`)
}

interface CctvVector {
  readonly number: number
  readonly key: string
  readonly sig: string
  readonly msg: string
  readonly flags: readonly string[] | null
}
