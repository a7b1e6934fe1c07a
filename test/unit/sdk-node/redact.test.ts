import { redactSecrets } from '@capiscio/proto/sdk'
import { describe, expect, test } from 'vitest'
import { environmentSecrets } from '../../../sdk-node/src/environment-secrets.ts'
import { createOutputTail } from '../../../sdk-node/src/output-tail.ts'

const BADGE = 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiJjYW5hcnkifQ.c2lnbmF0dXJl'
const KEY = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIcanary\n-----END PRIVATE KEY-----'

describe('redacting', () => {
  test.each<[what: string, text: string, secrets: string[], expected: string]>([
    ['a given secret, wherever it is', 'key k-1 and k-1', ['k-1'], 'key [redacted] and [redacted]'],
    ['a secret with special characters', 'a.*b (x)', ['.*', '(x)'], 'a[redacted]b [redacted]'],
    ['the longer of two that overlap', 'abc-long', ['abc', 'abc-long'], '[redacted]'],
    ['a signed token', `token=${BADGE};`, [], 'token=[redacted];'],
    ['a token without its signature', BADGE.split('.').slice(0, 2).join('.'), [], '[redacted]'],
    ['a private key', `key: ${KEY} end`, [], 'key: [redacted] end'],
    ['a private key that is cut off', KEY.slice(0, 40), [], '[redacted]'],
    ['nothing else', 'did:web:a.example eyebrow', [''], 'did:web:a.example eyebrow'],
  ])('removes %s', (_what, text, secrets, expected) => {
    expect(redactSecrets(text, secrets)).toBe(expected)
  })

  test('knows the secrets of an environment by their names', () => {
    expect(
      environmentSecrets({
        CAPISCIO_API_KEY: 'canary-key',
        MY_BADGE: 'canary-badge',
        npm_token: 'canary-token',
        SHORT_KEY: 'abc',
        HOME: '/home/canary',
        UNSET_KEY: undefined,
      }),
    ).toEqual(['canary-key', 'canary-badge', 'canary-token'])
  })
})

describe('the end of an output', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

  test('is all of a short one', () => {
    const tail = createOutputTail([])
    tail.add(bytes('first\n'))
    tail.add(bytes('second\n'))
    expect(tail.text()).toBe('first\nsecond')
  })

  test('is at most 4096 characters, and the last ones', () => {
    const tail = createOutputTail([])
    for (let line = 0; line < 10_000; line += 1) tail.add(bytes(`line ${line}\n`))
    expect(tail.text().length).toBeLessThanOrEqual(4_096)
    expect(tail.text()).toMatch(/line 9999$/)
  })

  test('holds no secret, in whatever pieces it came', () => {
    const tail = createOutputTail(['canary-key'])
    for (const piece of ['using canary', '-key and ', BADGE.slice(0, 30), BADGE.slice(30), '\n']) tail.add(bytes(piece))
    expect(tail.text()).toBe('using [redacted] and [redacted]')
  })

  test('drops a line whose beginning is lost', () => {
    const tail = createOutputTail([])
    tail.add(bytes(`${'eyJ'.repeat(10_000)}.canary-end\nlast line\n`))
    expect(tail.text()).toBe('last line')
    const endless = createOutputTail([])
    endless.add(bytes('canary'.repeat(10_000)))
    expect(endless.text()).toBe('')
  })
})
