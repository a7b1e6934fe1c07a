import type { ConfigProblemCode } from './config-refused.ts'

/** One value is not what it must be. The message says what to write, without the place. */
export class ValueRefused extends Error {
  override readonly name = 'ValueRefused'
  readonly code: Extract<ConfigProblemCode, 'VALUE_INVALID' | 'NOT_IN_PROFILE'>

  constructor(message: string, code: ValueRefused['code'] = 'VALUE_INVALID') {
    super(message)
    this.code = code
  }
}
