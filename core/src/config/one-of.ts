import { ValueRefused } from './value-refused.ts'

/**
 * Reads a text that is one of a few, exactly.
 *
 * @throws {ValueRefused} naming them
 */
export function oneOf<T extends string>(values: readonly T[], text: string): T {
  const value = values.find((one) => one === text)
  if (value === undefined) throw new ValueRefused(`Write one of ${values.join(', ')}`)
  return value
}
