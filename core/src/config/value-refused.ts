/** One value is not what it must be. The message says what to write, without the place. */
export class ValueRefused extends Error {
  override readonly name = 'ValueRefused'
}
