import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIssuerOrigin } from '../../../core/src/domain/trust/issuer-origin.ts'
import { OriginRefused, parseHttpsOrigin } from '../../../core/src/lib/https-origin.ts'
import { thrownBy } from '../domain/policy/thrown-by.ts'

describe('an issuer', () => {
  test.each([
    ['https://registry.example.com', 'https://registry.example.com'],
    ['https://registry.example.com/', 'https://registry.example.com'],
    ['https://registry.example.com:8443', 'https://registry.example.com:8443'],
    ['https://[2001:db8::1]:8443', 'https://[2001:db8::1]:8443'],
  ])('%s is read as %s', (text, origin) => {
    expect(parseHttpsOrigin(text)).toBe(origin)
  })

  test.each([
    '',
    'registry.example.com',
    'http://registry.example.com',
    'HTTPS://registry.example.com',
    'https://Registry.example.com',
    'https://registry.example.com:443',
    'https://registry.example.com//',
    'https://registry.example.com/x',
    'https://registry.example.com?',
    'https://registry.example.com/?x',
    'https://registry.example.com#x',
    'https://user@registry.example.com',
    'https://user:pass@registry.example.com',
    ' https://registry.example.com',
    'https://registry.example.com\n',
    'https://registry.exa\tmple.com',
    'https://a!b.example.com',
    'https://registry.example.com:0',
    'https:/registry.example.com',
    'https:\\\\registry.example.com',
    'https://',
    'did:web:registry.example.com',
  ])('%j is refused', (text) => {
    expect(thrownBy(OriginRefused, () => parseHttpsOrigin(text)).message).toMatch(/issuer/)
  })

  test('that is accepted here is the same to the room that verifies badges', () => {
    const parts = fc.constantFrom(
      'https://',
      'a',
      '.',
      'Example',
      ':',
      '443',
      '8443',
      '0',
      '/',
      '[::1]',
      '%41',
      'é',
      '_',
      '-',
      '@',
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), (pieces) => {
        const text = `https://${pieces.join('')}`
        let origin: string
        try {
          origin = parseHttpsOrigin(text)
        } catch (refused) {
          expect(refused).toBeInstanceOf(OriginRefused)
          return
        }
        expect(parseIssuerOrigin(text)).toBe(origin)
      }),
      { numRuns: 5_000, seed: 7 },
    )
  })
})
