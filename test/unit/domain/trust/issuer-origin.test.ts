import { describe, expect, it } from 'vitest'
import { isReservedIssuer, parseIssuerOrigin } from '../../../../core/src/domain/trust/issuer-origin.ts'

describe('the origin of an issuer', () => {
  it.each([
    ['https://registry.example.com', 'https://registry.example.com'],
    ['https://registry.example.com/', 'https://registry.example.com'],
    ['https://registry.example.com:8443/', 'https://registry.example.com:8443'],
    ['https://a', 'https://a'],
    ['https://0-9.a9_b:1', 'https://0-9.a9_b:1'],
    ['https://a.b:10902', 'https://a.b:10902'],
    ['https://[::]', 'https://[::]'],
    ['https://[fe80::0:9]', 'https://[fe80::0:9]'],
    ['https://localhost:8787', 'https://localhost:8787'],
    ['https://10.0.0.1', 'https://10.0.0.1'],
    ['https://[::1]:65535', 'https://[::1]:65535'],
  ])('of %s is %s', (text, origin) => {
    expect(parseIssuerOrigin(text)).toBe(origin)
  })

  it('keeps its case: origins are compared as exact texts', () => {
    expect(parseIssuerOrigin('https://Registry.example.com')).toBe('https://Registry.example.com')
  })

  it.each([
    'http://registry.example.com',
    'HTTPS://registry.example.com',
    'https:registry.example.com',
    'https:///registry.example.com',
    'https://',
    'https:///',
    'https://registry.example.com//',
    'https://registry.example.com/a',
    'https://registry.example.com/?',
    'https://registry.example.com?a',
    'https://registry.example.com#a',
    'https://registry.example.com/#',
    'https://user@registry.example.com',
    'https://user:pw@registry.example.com',
    'https://registry.example.com@evil.example',
    'https://registry.example.com\\@evil.example',
    'https://registry.example.com:',
    'https://registry.example.com:0',
    'https://registry.example.com:0443',
    'https://registry.example.com:65536',
    'https://registry.example.com:100000',
    'https://registry.example.com:port',
    'https://[]',
    'https://[:]x',
    ' https://registry.example.com',
    'https://registry.example.com ',
    'https://registry.example.com\n',
    'https://registry.example.com%2f',
    'https://bücher.example',
    `https://${'a'.repeat(254)}`,
    'did:web:registry.example.com',
    '',
    '__proto__',
  ])('does not exist for %j', (text) => {
    expect(parseIssuerOrigin(text)).toBeUndefined()
  })

  it.each([
    ['https://registry.capiscio.invalid', true],
    ['https://registry.INVALID', true],
    ['https://invalid', true],
    ['https://a.invalid.', true],
    ['https://a.invalid:8443', true],
    ['https://a.invalid:9080', true],
    ['https://invalid.example', false],
    ['https://notinvalid', false],
    ['https://a-invalid', false],
    ['https://a.invalid.com', false],
  ])('%s is reserved for development: %s', (origin, reserved) => {
    expect(isReservedIssuer(origin)).toBe(reserved)
  })
})
