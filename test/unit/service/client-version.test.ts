import { describe, expect, it } from 'vitest'
import { isCompatibleClient } from '../../../core/src/service/v1/client-version.ts'

describe('the version of an existing SDK', () => {
  it.each(['0.1.0', '0.9.3', '2.4.0', '2.7.2', '2.99.99', ' 2.5.0 ', '2.4.0-beta.1'])('%j can be served', (version) => {
    expect(isCompatibleClient(version)).toBe(true)
  })

  it.each(['', 'v2.5.0', '2.5', '0.0.9', '1.0.0', '1.9.9', '2.3.9', '3.0.0', '10.0.0', 'two', '99999999999.0.0'])(
    '%j cannot',
    (version) => {
      expect(isCompatibleClient(version)).toBe(false)
    },
  )
})
