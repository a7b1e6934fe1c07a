import { CoreAddressError } from '@capiscio/proto/sdk'
import { describe, expect, test } from 'vitest'
import { parseBaseUrl } from '../../../sdk-browser/src/base-url.ts'

describe('an address that can be asked', () => {
  test.each([
    ['http://127.0.0.1:50052', 'http://127.0.0.1:50052'],
    ['http://127.0.0.1:50052/', 'http://127.0.0.1:50052'],
    ['http://127.8.8.8:50052', 'http://127.8.8.8:50052'],
    ['http://LOCALHOST:50052', 'http://localhost:50052'],
    ['http://[::1]:50052', 'http://[::1]:50052'],
    ['https://core.example.com', 'https://core.example.com'],
    ['https://example.com/capiscio//', 'https://example.com/capiscio'],
  ])('%s', (text, url) => {
    expect(parseBaseUrl(text)).toBe(url)
  })
})

describe('plaintext to another machine', () => {
  test.each([
    'http://core.example.com',
    'http://192.168.1.2:50052',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://0.0.0.0:50052',
    'http://[::]:50052',
    'http://[::ffff:192.168.1.2]:50052',
  ])('is refused: %s', (text) => {
    expect(() => parseBaseUrl(text)).toThrow(CoreAddressError)
    expect(parseBaseUrl(text, true)).toMatch(/^http:/)
  })
})

describe('what is no base URL is refused', () => {
  test.each([
    '',
    '/capiscio',
    '127.0.0.1:50052',
    'localhost:50052',
    'ws://127.0.0.1:50052',
    'unix:/run/core.sock',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://',
  ])('%s', (text) => {
    expect(() => parseBaseUrl(text, true)).toThrow(CoreAddressError)
  })

  test.each([
    'https://user:canary@core.example.com',
    'https://canary@core.example.com',
    'https://:canary@core.example.com',
    'https://core.example.com?token=canary',
    'https://core.example.com#canary',
  ])('without repeating what may be secret: %s', (text) => {
    expect(() => parseBaseUrl(text)).toThrow(CoreAddressError)
    expect(() => parseBaseUrl(text)).not.toThrow(/canary/)
  })
})
