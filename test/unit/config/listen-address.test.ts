import { describe, expect, test } from 'vitest'
import { isLoopback, parseListenAddress } from '../../../core/src/config/listen-address.ts'
import { ValueRefused } from '../../../core/src/config/value-refused.ts'
import { thrownBy } from '../domain/policy/thrown-by.ts'

const parse = (text: string) => parseListenAddress(text, '/base')

describe('an address', () => {
  test.each([
    ['127.0.0.1:50051', '127.0.0.1', 50_051],
    ['localhost:0', 'localhost', 0],
    ['[::1]:0', '::1', 0],
    ['[2001:db8::1]:65535', '2001:db8::1', 65_535],
    ['core.example.com:1', 'core.example.com', 1],
    ['Core:1', 'core', 1],
  ])('%s is TCP', (text, host, port) => {
    expect(parse(text)).toEqual({ kind: 'tcp', address: { host, port } })
  })

  test.each([
    ['unix:/run/c.sock', '/run/c.sock'],
    ['unix:///run/c.sock', '/run/c.sock'],
    ['unix:c.sock', '/base/c.sock'],
    ['unix:/run/../tmp/c.sock', '/tmp/c.sock'],
  ])('%s is a Unix socket', (text, path) => {
    expect(parse(text)).toEqual({ kind: 'unix', path })
  })

  test.each([
    ['', /HOST:PORT/],
    ['50051', /HOST:PORT/],
    ['127.0.0.1', /HOST:PORT/],
    ['127.0.0.1:', /HOST:PORT/],
    ['127.0.0.1:65536', /0 to 65535/],
    ['127.0.0.1:-1', /HOST:PORT/],
    ['127.0.0.1:+1', /HOST:PORT/],
    ['127.0.0.1:0x50', /HOST:PORT/],
    ['127.0.0.1:5 0', /HOST:PORT/],
    [':50051', /every interface/],
    ['::1:50051', /brackets/],
    ['[::1]', /HOST:PORT/],
    ['[127.0.0.1]:1', /IPv6/],
    ['[::1:1', /neither/],
    ['127.1:1', /neither/],
    ['256.0.0.1:1', /neither/],
    ['2130706433:1', /neither/],
    ['-a:1', /neither/],
    ['a..b:1', /neither/],
    ['a b:1', /neither/],
    ['http://localhost:1', /not a URL/],
    ['localhost:1/x', /not a URL/],
    ['unix:', /no path/],
    ['unix://', /absolute/],
    ['unix://host/run/c.sock', /absolute/],
    ['unix:/run/\0c', /no path/],
  ])('%j is refused', (text, reason) => {
    expect(thrownBy(ValueRefused, () => parse(text)).message).toMatch(reason)
  })

  test('a socket path has at most 107 bytes, of UTF-8 and made absolute', () => {
    const path = (bytes: number): string => `unix:/${'x'.repeat(bytes - 1)}`
    expect(parse(path(107)).kind).toBe('unix')
    expect(thrownBy(ValueRefused, () => parse(path(108))).message).toMatch(/at most 107 bytes, and this one 108/)
    expect(parse(`unix:/${'ü'.repeat(53)}`).kind).toBe('unix')
    expect(thrownBy(ValueRefused, () => parse(`unix:/${'ü'.repeat(54)}`)).message).toMatch(/109/)
    expect(parse(`unix:${'x'.repeat(101)}`).kind).toBe('unix')
    expect(thrownBy(ValueRefused, () => parse(`unix:${'x'.repeat(102)}`)).message).toMatch(/108/)
  })
})

describe('loopback', () => {
  test.each([
    ['127.0.0.1', true],
    ['127.255.255.255', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['128.0.0.1', false],
    ['::ffff:127.0.0.1', false],
    ['127.example.com', false],
    ['localhost.example.com', false],
  ])('%s: %s', (host, expected) => {
    expect(isLoopback({ host, port: 1 })).toBe(expected)
  })
})
