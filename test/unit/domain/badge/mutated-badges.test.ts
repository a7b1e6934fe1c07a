import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNodeEs256Verifier } from '../../../../core/src/adapters/crypto/node-es256.ts'
import { BadgeRefused } from '../../../../core/src/domain/badge/badge-refused.ts'
import { createBadgeWorld, demandsOf, HEADER, ISSUER } from '../../../fakes/badge-world.ts'
import { createFakeEs256Issuer } from '../../../fakes/es256-issuer.ts'

describe('a badge with one byte changed', () => {
  const world = createBadgeWorld()
  const demands = demandsOf({ acceptLevelZero: true })
  const verifier = world.verifier({}, createNodeEs256Verifier({ maxKeys: 10 }))
  const ec = createFakeEs256Issuer('ec-1', 7n)
  world.issuerKeys.publish(ISSUER, [world.ca.jwk, ec.jwk])
  const originals = [
    world.badge(),
    world.badge({}, { kid: undefined }),
    world.ca.sign(HEADER, world.confirmedPayload()),
    world.selfSigned(),
    ec.sign({ alg: 'ES256', typ: 'JWT', kid: 'ec-1' }, world.payload()),
  ]
  const codes = new Map<string, number>()

  /** Anything but a refusal is a failure: acceptance, or an exception that a caller does not expect. */
  async function mustBeRefused(token: string): Promise<void> {
    try {
      await verifier.verify(token, demands)
    } catch (error) {
      if (!(error instanceof BadgeRefused)) throw error
      codes.set(error.code, (codes.get(error.code) ?? 0) + 1)
      return
    }
    throw new Error('A changed badge was accepted')
  }

  it('is refused, wherever the byte is and whatever it becomes: a hundred thousand times', async () => {
    for (const original of originals) await verifier.verify(original, demands)
    const random = createRandom(20_250_101)
    for (let mutant = 0; mutant < 100_000; mutant++) {
      const bytes = Buffer.from(originals[random(originals.length)] ?? '', 'latin1')
      const at = random(bytes.length)
      bytes[at] = ((bytes[at] ?? 0) + 1 + random(255)) % 256
      await mustBeRefused(bytes.toString('latin1'))
    }
    expect([...codes.values()].reduce((a, b) => a + b, 0)).toBe(100_000)
    // Nothing that was changed gets past the signature, and everything before it has its part.
    expect([...codes.keys()].toSorted()).toEqual([
      'BADGE_CLAIMS_INVALID',
      'BADGE_ISSUER_UNTRUSTED',
      'BADGE_MALFORMED',
      'BADGE_SIGNATURE_INVALID',
    ])
    // None of them displaced or became what is remembered.
    for (const original of originals) expect(await verifier.verify(original, demands)).toMatchObject({ cacheHit: true })
  })

  it('is refused when a character is taken away, doubled or swapped with the next', async () => {
    for (const original of originals) {
      for (let at = 0; at < original.length; at++) {
        const [before, here, next, after] = [
          original.slice(0, at),
          original.charAt(at),
          original.charAt(at + 1),
          original.slice(at + 2),
        ]
        await mustBeRefused(before + next + after)
        await mustBeRefused(before + here + here + next + after)
        if (here !== next && next !== '') await mustBeRefused(before + next + here + after)
      }
    }
  })

  it('is refused when it is any text at all', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), mustBeRefused), { numRuns: 2000 })
  })
})

/** Numbers below a bound, the same on every run (xorshift, Marsaglia 2003). */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
