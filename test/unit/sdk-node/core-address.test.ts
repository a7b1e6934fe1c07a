import { CoreAddressError } from '@capiscio/proto/sdk'
import { describe, expect, test } from 'vitest'
import { coreAddressFromEnvironment, parseCoreAddress } from '../../../sdk-node/src/core-address.ts'
import { createCoreClient } from '../../../sdk-node/src/core-client.ts'

describe('an address', () => {
  test.each<[text: string, kind: string, target: string]>([
    ['unix:/run/core.sock', 'unix', 'unix:/run/core.sock'],
    ['unix:///run/core.sock', 'unix', 'unix:/run/core.sock'],
    ['127.0.0.1:50051', 'plaintext', 'dns:127.0.0.1:50051'],
    ['127.8.9.10:1', 'plaintext', 'dns:127.8.9.10:1'],
    ['localhost:65535', 'plaintext', 'dns:localhost:65535'],
    ['LOCALHOST:50051', 'plaintext', 'dns:LOCALHOST:50051'],
    ['[::1]:50051', 'plaintext', 'dns:[::1]:50051'],
    ['[::ffff:127.0.0.1]:50051', 'plaintext', 'dns:[::ffff:127.0.0.1]:50051'],
    ['https://core.example.com:50051', 'tls', 'dns:core.example.com:50051'],
    ['https://core.example.com', 'tls', 'dns:core.example.com:443'],
    ['HTTPS://core.example.com:443/', 'tls', 'dns:core.example.com:443'],
    ['https://[2001:db8::1]:50051', 'tls', 'dns:[2001:db8::1]:50051'],
  ])('%s is read', (text, kind, target) => {
    expect(parseCoreAddress(text)).toMatchObject({ kind, target })
  })

  test('of a Unix socket may be relative', () => {
    expect(parseCoreAddress('unix:core.sock').target).toBe(`unix:${process.cwd()}/core.sock`)
  })

  test.each([
    '',
    'localhost',
    ':50051',
    'localhost:0',
    'localhost:65536',
    'localhost:port',
    'localhost:50051/',
    'http://localhost:50051',
    'ftp://localhost:50051',
    'dns:localhost:50051',
    'user@localhost:50051',
    '::1:50051',
    '[localhost]:50051',
    '[::1]',
    'local host:50051',
    'localhost:50051\n',
    'unix:',
    'unix://host/core.sock',
    'unix:/a\0b',
    'https://',
    'https://core.example.com:50051/path',
    'https://core.example.com:50051?x',
    'https://core.example.com:50051#x',
    'https://user:pass@core.example.com:50051',
  ])('"%s" is refused', (text) => {
    expect(() => parseCoreAddress(text)).toThrow(CoreAddressError)
    expect(() => parseCoreAddress(text, true)).toThrow(CoreAddressError)
  })

  test('that holds a password is not repeated', () => {
    expect(() => parseCoreAddress('https://user:canary@core.example.com')).toThrow(/^(?!.*canary)/)
    expect(() => parseCoreAddress('user:canary@localhost:1')).toThrow(/^(?!.*canary)/)
  })
})

describe('plaintext to another machine', () => {
  test.each([
    'core.example.com:50051',
    '10.0.0.1:50051',
    '0.0.0.0:50051',
    '[::]:50051',
    '[2001:db8::1]:50051',
    '[::ffff:10.0.0.1]:50051',
    'localhost.example.com:50051',
    '127.0.0.1.example.com:50051',
    '2130706433:50051',
    '127.1:50051',
    '0x7f.0.0.1:50051',
  ])('%s is refused unless it is asked for', (text) => {
    expect(() => parseCoreAddress(text)).toThrow('without encryption')
    expect(parseCoreAddress(text, true).kind).toBe('plaintext')
  })
})

test('the environment names an address, or none when it is empty', () => {
  expect(coreAddressFromEnvironment({ CAPISCIO_CORE_ADDR: 'unix:/x' })).toBe('unix:/x')
  expect(coreAddressFromEnvironment({ CAPISCIO_CORE_ADDR: '' })).toBeUndefined()
  expect(coreAddressFromEnvironment({})).toBeUndefined()
})

describe('a client is refused when it is made', () => {
  test.each<[what: string, options: unknown, error: abstract new (...args: never[]) => Error]>([
    ['with an address that cannot be read', { address: 'nowhere' }, CoreAddressError],
    ['with plaintext to another machine', { address: '10.0.0.1:50051' }, CoreAddressError],
    ['with an address that is no text', { address: 50051 }, TypeError],
    ['with an option that does not exist', { adress: 'localhost:1' }, TypeError],
    ['with a timeout of nothing', { address: 'localhost:1', timeoutMs: 0 }, TypeError],
    ['with "yes" for insecure', { address: '10.0.0.1:50051', insecure: 'yes' }, TypeError],
    [
      'with the path of a certificate instead of the certificate',
      { address: 'https://h', tls: { ca: 'ca.pem' } },
      TypeError,
    ],
  ])('%s', (_what, options, error) => {
    expect(() => createCoreClient(options as object)).toThrow(error)
  })
})
