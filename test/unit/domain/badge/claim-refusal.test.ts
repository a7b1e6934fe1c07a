import { expect, it } from 'vitest'
import { parsing } from '../../../../core/src/domain/badge/claim-refusal.ts'
import { DidRefused } from '../../../../core/src/domain/did/did-refused.ts'
import { refusalOf } from '../../../tools/refusal.ts'

it('the refusal of a key or DID becomes one of its claim; a fault stays a fault', () => {
  const failing = (error: Error) => () => {
    throw error
  }
  const refused = new DidRefused('KEY_WEAK', 'The key is weak')
  expect(refusalOf(() => parsing('key', failing(refused)))).toBe('BadgeRefused BADGE_CLAIMS_INVALID')
  expect(() => parsing('key', failing(refused))).toThrow("The badge's claim key is refused: The key is weak.")
  expect(() => parsing('key', failing(new RangeError('a mistake')))).toThrow(RangeError)
  expect(parsing('key', () => 7)).toBe(7)
})
