import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../core/src/adapters/crypto/node-ed25519.ts'
import type { Ed25519Verifier } from '../../core/src/ports/ed25519.ts'
import { sharedVectors } from '../tools/shared-vectors.ts'
import { fromHex } from '../tools/weak-keys.ts'

/** RFC 8032 §7.1, tests 1 to 3: public key, message, signature. */
const RFC_8032 = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const

/** The order of the base point, little-endian. */
export const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** What every `Ed25519Verifier` must do. */
export function ed25519VerifierContract(name: string, create: () => Ed25519Verifier): void {
  describe(`the Ed25519 verifier ${name}`, () => {
    const verifier = create()

    it.each(RFC_8032)('accepts the signature of RFC 8032 under %s', (key, message, signature) => {
      expect(verifier.verify(fromHex(key), fromHex(message), fromHex(signature))).toBe(true)
    })

    it('accepts what was signed and nothing else', () => {
      const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
      const flip = fc.record({ part: fc.constantFrom(0, 1, 2), bit: fc.nat(10_000) })
      fc.assert(
        fc.property(bytes32, fc.uint8Array({ minLength: 1, maxLength: 200 }), flip, (seed, message, { part, bit }) => {
          const signer = createNodeEd25519Signer(seed)
          const parts = [signer.publicKey, message, signer.sign(message)] as const
          expect(verifier.verify(...parts)).toBe(true)
          const changed = parts.map((bytes) => bytes.slice()) as [Uint8Array, Uint8Array, Uint8Array]
          const target = changed[part]
          const index = bit % (target.length * 8)
          target[index >> 3] = (target[index >> 3] ?? 0) ^ (1 << (index & 7))
          expect(verifier.verify(...changed)).toBe(false)
        }),
        { numRuns: 50 },
      )
    })

    it('does not take one key for another that it met before', () => {
      const [a, b] = [1, 2].map((seed) => createNodeEd25519Signer(new Uint8Array(32).fill(seed))) as [
        ReturnType<typeof createNodeEd25519Signer>,
        ReturnType<typeof createNodeEd25519Signer>,
      ]
      const message = Uint8Array.of(1, 2, 3)
      for (let i = 0; i < 2; i++) {
        expect(verifier.verify(a.publicKey, message, a.sign(message))).toBe(true)
        expect(verifier.verify(b.publicKey, message, a.sign(message))).toBe(false)
        expect(verifier.verify(b.publicKey, message, b.sign(message))).toBe(true)
      }
    })

    it('reads bytes where they lie, also inside a larger buffer', () => {
      const [key, message, signature] = RFC_8032[2].map(fromHex) as [Uint8Array, Uint8Array, Uint8Array]
      const inside = (bytes: Uint8Array): Uint8Array => {
        const larger = new Uint8Array(bytes.length + 20).fill(0xaa)
        larger.set(bytes, 10)
        return larger.subarray(10, 10 + bytes.length)
      }
      expect(verifier.verify(inside(key), inside(message), inside(signature))).toBe(true)
      // A reused buffer is a new key.
      const reused = key.slice()
      expect(verifier.verify(reused, message, signature)).toBe(true)
      reused.set(fromHex(RFC_8032[0][0]))
      expect(verifier.verify(reused, message, signature)).toBe(false)
    })

    it.each([
      [31, 64],
      [33, 64],
      [0, 64],
      [32, 63],
      [32, 65],
      [32, 0],
    ])('answers false to a key of %i and a signature of %i bytes', (keyLength, signatureLength) => {
      const [key, message, signature] = RFC_8032[0].map(fromHex) as [Uint8Array, Uint8Array, Uint8Array]
      const fit = (bytes: Uint8Array, length: number): Uint8Array => {
        const fitted = new Uint8Array(length)
        fitted.set(bytes.subarray(0, length))
        return fitted
      }
      expect(verifier.verify(fit(key, keyLength), message, fit(signature, signatureLength))).toBe(false)
    })

    it('answers false to bytes that are no point', () => {
      const [, message, signature] = RFC_8032[0].map(fromHex) as [Uint8Array, Uint8Array, Uint8Array]
      // y = 2 is on no point of the curve.
      const noPoint = new Uint8Array(32)
      noPoint[0] = 2
      expect(verifier.verify(noPoint, message, signature)).toBe(false)
      const noR = signature.slice()
      noR.set(noPoint)
      expect(verifier.verify(fromHex(RFC_8032[0][0]), message, noR)).toBe(false)
    })

    it('answers false to a second signature made by adding the group order to s', () => {
      const [key, message, signature] = RFC_8032[1].map(fromHex) as [Uint8Array, Uint8Array, Uint8Array]
      let s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + GROUP_ORDER
      const second = signature.slice()
      for (let i = 32; i < 64; i++, s >>= 8n) second[i] = Number(s & 0xffn)
      expect(verifier.verify(key, message, second)).toBe(false)
    })

    it('answers false to a signature of zeros', () => {
      const [key, message] = RFC_8032[1].map(fromHex) as [Uint8Array, Uint8Array]
      expect(verifier.verify(key, message, new Uint8Array(64))).toBe(false)
    })

    const wycheproof = sharedVectors('wycheproof/ed25519_test.json')
    if (wycheproof === undefined) console.info('Wycheproof vectors are not beside the project: their suite is skipped')

    it.skipIf(wycheproof === undefined)('agrees with every verdict of Wycheproof', () => {
      const { testGroups, numberOfTests } = JSON.parse(readFileSync(wycheproof ?? '', 'utf8')) as WycheproofFile
      let tests = 0
      for (const { publicKey, tests: cases } of testGroups) {
        for (const { tcId, comment, msg, sig, result } of cases) {
          const verdict = verifier.verify(fromHex(publicKey.pk), fromHex(msg), fromHex(sig))
          expect(verdict, `${tcId} ${comment}`).toBe(result === 'valid')
          tests++
        }
      }
      expect(tests).toBe(numberOfTests)
    })
  })
}

interface WycheproofFile {
  readonly numberOfTests: number
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string }
    readonly tests: readonly {
      readonly tcId: number
      readonly comment: string
      readonly msg: string
      readonly sig: string
      readonly result: string
    }[]
  }[]
}
