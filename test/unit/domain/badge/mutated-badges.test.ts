import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BadgeRefused } from '../../../../core/src/domain/badge/badge-refused.ts'
import { createBadgeWorld, demandsOf, HEADER } from '../../../fakes/badge-world.ts'

describe('a badge with one byte changed', () => {
  const world = createBadgeWorld()
  const demands = demandsOf({ acceptLevelZero: true })
  const verifier = world.verifier()
  const originals = [world.badge(), world.ca.sign(HEADER, world.confirmedPayload()), world.selfSigned()]

  /** Anything but a refusal is a failure: acceptance, or an exception that a caller does not expect. */
  async function mustBeRefused(token: string): Promise<void> {
    try {
      await verifier.verify(token, demands)
    } catch (error) {
      if (error instanceof BadgeRefused) return
      throw error
    }
    throw new Error('A changed badge was accepted')
  }

  it('is refused, wherever the byte is and whatever it becomes', async () => {
    for (const original of originals) await verifier.verify(original, demands)
    const mutant = fc.record({
      original: fc.constantFrom(...originals),
      at: fc.nat(2000),
      by: fc.integer({ min: 1, max: 255 }),
    })
    let mutants = 0
    await fc.assert(
      fc.asyncProperty(mutant, async ({ original, at, by }) => {
        const bytes = Buffer.from(original, 'latin1')
        const index = at % bytes.length
        bytes[index] = ((bytes[index] ?? 0) + by) % 256
        await mustBeRefused(bytes.toString('latin1'))
        mutants++
      }),
      { numRuns: 25_000 },
    )
    expect(mutants).toBe(25_000)
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
