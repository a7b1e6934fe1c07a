import { describe, expect, it } from 'vitest'
import { issuerOriginOf, parseDidWeb } from '../../../../core/src/domain/did/did-web.ts'
import { refusalOf } from '../../../tools/refusal.ts'

describe('a did:web', () => {
  it.each([
    ['did:web:example.com', { host: 'example.com', segments: [] }],
    ['did:web:Example.COM', { host: 'example.com', segments: [] }],
    ['did:web:example.com:a:b', { host: 'example.com', segments: ['a', 'b'] }],
    [
      'did:web:registry.example.com:agents:my-agent-001',
      { host: 'registry.example.com', segments: ['agents', 'my-agent-001'] },
    ],
    ['did:web:example.com%3A8443:a', { host: 'example.com', port: 8443, segments: ['a'] }],
    ['did:web:localhost%3a8080', { host: 'localhost', port: 8080, segments: [] }],
    ['did:web:example.com%3A65535', { host: 'example.com', port: 65535, segments: [] }],
    ['did:web:xn--bcher-kva.example', { host: 'xn--bcher-kva.example', segments: [] }],
    ['did:web:a.b%3A1', { host: 'a.b', port: 1, segments: [] }],
    ['did:web:example.com%3A9090', { host: 'example.com', port: 9090, segments: [] }],
    ['did:web:ab.9-09.a9', { host: 'ab.9-09.a9', segments: [] }],
    ['did:web:1.example', { host: '1.example', segments: [] }],
    ['did:web:example.com:%20:a%2Eb:...', { host: 'example.com', segments: ['%20', 'a%2Eb', '...'] }],
  ])('points somewhere: %s', (did, place) => {
    expect(parseDidWeb(did)).toEqual(place)
  })

  it.each([
    ['another method', 'did:key:example.com'],
    ['no host', 'did:web::a'],
    ['a single label', 'did:web:intranet'],
    ['an IPv4 address', 'did:web:127.0.0.1'],
    ['an IPv4 address with a port', 'did:web:127.0.0.1%3A80'],
    ['a short IPv4 address', 'did:web:127.1'],
    ['an IPv4 address that ends in 0', 'did:web:10.0.0.0'],
    ['an IPv4 address that ends in 9', 'did:web:10.0.0.9'],
    ['a hexadecimal IPv4 address that ends in 0', 'did:web:1.0x0'],
    ['a hexadecimal IPv4 address without digits', 'did:web:1.0x'],
    ['a hexadecimal IPv4 address', 'did:web:1.0x7f'],
    ['a decimal IPv4 address', 'did:web:2130706433'],
    ['an IPv6 address', 'did:web:%5B%3A%3A1%5D'],
    ['a final dot', 'did:web:example.com.'],
    ['an empty label', 'did:web:example..com'],
    ['a label that starts with a hyphen', 'did:web:-a.example'],
    ['a label that ends with a hyphen', 'did:web:a-.example'],
    ['a label of 64 characters', `did:web:${'a'.repeat(64)}.example`],
    ['a host of 254 characters', `did:web:${'a.'.repeat(126)}aa`],
    ['an underscore in the host', 'did:web:a_b.example'],
    ['an encoded letter in the host', 'did:web:ex%61mple.com'],
    ['an encoded slash in the host', 'did:web:example.com%2Fa'],
    ['an encoded @ in the host', 'did:web:a%40example.com'],
    ['an empty port', 'did:web:example.com%3A'],
    ['port 0', 'did:web:example.com%3A0'],
    ['a port with a leading zero', 'did:web:example.com%3A0443'],
    ['a port of six digits', 'did:web:example.com%3A100000'],
    ['port 65536', 'did:web:example.com%3A65536'],
    ['two ports', 'did:web:example.com%3A1%3A2'],
    ['an empty segment', 'did:web:example.com::a'],
    ['a dot', 'did:web:example.com:.'],
    ['two dots', 'did:web:example.com:a:..'],
    ['two encoded dots', 'did:web:example.com:%2e%2E'],
    ['one encoded dot', 'did:web:example.com:.%2e'],
    ['an encoded slash', 'did:web:example.com:a%2Fb'],
    ['an encoded backslash', 'did:web:example.com:a%5Cb'],
    ['an encoded question mark', 'did:web:example.com:a%3Fb'],
    ['an encoded hash', 'did:web:example.com:a%23b'],
    ['an encoded NUL', 'did:web:example.com:a%00'],
    ['an encoded DEL', 'did:web:example.com:a%7F'],
    ['an encoding that is not UTF-8', 'did:web:example.com:%FF'],
  ])('is refused with %s', (_, did) => {
    expect(refusalOf(() => parseDidWeb(did))).toBe('DidRefused DID_MALFORMED')
  })
})

describe('the issuer origin of a did:web', () => {
  it.each([
    ['did:web:example.com', 'https://example.com'],
    ['did:web:Example.com', 'https://example.com'],
    ['did:web:example.com%3A8443', 'https://example.com:8443'],
    ['did:web:example.com%3A443', 'https://example.com'],
  ])('of %s is %s', (did, origin) => {
    expect(issuerOriginOf(did)).toBe(origin)
  })

  it.each([
    'did:web:example.com:agents:a',
    'did:web:127.0.0.1',
    'did:key:z6Mk',
    'https://example.com',
    '__proto__',
    '',
  ])('does not exist for %j', (text) => {
    expect(issuerOriginOf(text)).toBeUndefined()
  })
})
