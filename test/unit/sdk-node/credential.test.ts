import { inspect } from 'node:util'
import { CredentialError } from '@capiscio/proto/sdk'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { CredentialInput, PlainCredential } from '../../../sdk-node/src/caller-credential.ts'
import { CallerCredential, resolveSecret } from '../../../sdk-node/src/caller-credential.ts'
import { getCredential, setCredential, withCredential } from '../../../sdk-node/src/credential.ts'
import { getServerOrigin, setServerOrigin, withServerOrigin } from '../../../sdk-node/src/server-origin.ts'

const BADGE = 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiJjYW5hcnkifQ.c2lnbmF0dXJl'

describe('a credential', () => {
  test('is a badge or an API key', () => {
    const badge = new CallerCredential({ badge: BADGE })
    expect([badge.kind, badge.authLevel, badge.reveal()]).toEqual(['badge', 'badge', BADGE])
    const apiKey = new CallerCredential({ apiKey: 'k1' })
    expect([apiKey.kind, apiKey.authLevel, apiKey.reveal()]).toEqual(['apiKey', 'apikey', 'k1'])
  })

  test('takes the one of two members that is given', () => {
    expect(new CallerCredential({ badge: BADGE, apiKey: undefined }).kind).toBe('badge')
  })

  test.each<[what: string, input: unknown]>([
    ['both kinds', { badge: BADGE, apiKey: 'k1' }],
    ['neither', {}],
    ['a badge that is undefined', { badge: undefined }],
    ['an empty badge', { badge: '' }],
    ['an empty API key', { apiKey: '' }],
    ['a badge that is no text', { badge: 7 }],
    ['an API key from a function', { apiKey: () => 'k1' }],
    ['null', null],
    ['a bare text', BADGE],
    ['a lone surrogate', { apiKey: '\ud800' }],
    ['a spread credential, which holds no secret', { ...new CallerCredential({ apiKey: 'k1' }) }],
  ])('is refused for %s', (_what, input) => {
    expect(() => new CallerCredential(input as PlainCredential)).toThrow(TypeError)
    expect(() => withCredential(input as CredentialInput, () => {})).toThrow(TypeError)
    expect(() => setCredential(input as CredentialInput)).toThrow(TypeError)
  })

  test.each([{ badge: BADGE }, { apiKey: 'canary-key-123' }])('never prints its secret', (input) => {
    const credential = new CallerCredential(input)
    const secret = input.badge ?? input.apiKey
    const printed = [
      inspect(credential),
      inspect({ deep: [credential] }, { showHidden: true, getters: true, depth: 9 }),
      inspect(credential, { customInspect: false, showHidden: true, getters: true, depth: 9 }),
      JSON.stringify({ credential }),
      String(credential),
      `${Object.entries(credential)}`,
      JSON.stringify(structuredClone(credential)),
    ]
    for (const text of printed) expect(text).not.toContain(secret)
    expect(JSON.stringify(credential)).toContain('[redacted]')
  })
})

describe('a badge callback', () => {
  test('is called for each decision and may be asynchronous', async () => {
    let turn = 0
    const credential = new CallerCredential({
      badge: async () => {
        turn += 1
        return `badge-${turn}`
      },
    })
    expect(await resolveSecret(credential)).toBe('badge-1')
    expect(await resolveSecret(credential)).toBe('badge-2')
  })

  test.each<[what: string, source: () => unknown]>([
    ['undefined', () => undefined],
    ['an empty text', () => ''],
    ['a number', async () => 7],
    ['a lone surrogate', () => '\udc00'],
  ])('that gives %s is an error, never an anonymous call', async (_what, source) => {
    const credential = new CallerCredential({ badge: source as () => string })
    await expect(resolveSecret(credential)).rejects.toThrow(CredentialError)
  })

  test('that fails is an error with its cause', async () => {
    const cause = new Error('registry is down')
    const credential = new CallerCredential({ badge: () => Promise.reject(cause) })
    await expect(resolveSecret(credential)).rejects.toMatchObject({ code: 'CREDENTIAL_INVALID', cause })
  })
})

describe('the credential of a context', () => {
  test('is anonymous at first', () => {
    expect(getCredential()).toBeUndefined()
  })

  test('lasts as long as the function and across awaits', async () => {
    const seen = await withCredential({ apiKey: 'k1' }, async () => {
      await Promise.resolve()
      return getCredential()?.reveal()
    })
    expect(seen).toBe('k1')
    expect(getCredential()).toBeUndefined()
  })

  test('is the innermost one, and undefined makes a caller anonymous again', () => {
    withCredential({ apiKey: 'outer' }, () => {
      expect(withCredential({ badge: BADGE }, () => getCredential()?.kind)).toBe('badge')
      expect(withCredential(undefined, getCredential)).toBeUndefined()
      expect(getCredential()?.reveal()).toBe('outer')
    })
  })

  test('is not shared by concurrent contexts', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `key-${index}`)
    const seen = await Promise.all(
      names.map((apiKey, index) =>
        withCredential({ apiKey }, async () => {
          for (let turn = 0; turn < index % 7; turn += 1) await Promise.resolve()
          return getCredential()?.reveal()
        }),
      ),
    )
    expect(seen).toEqual(names)
  })

  test('can be set for the rest of a context', async () => {
    await Promise.resolve().then(async () => {
      setCredential({ apiKey: 'set' })
      await Promise.resolve()
      expect(getCredential()?.reveal()).toBe('set')
      setCredential(undefined)
      expect(getCredential()).toBeUndefined()
    })
  })
})

describe('the server origin', () => {
  afterEach(() => vi.unstubAllEnvs())

  test('comes from the context, else from the environment, else is unknown', () => {
    vi.stubEnv('CAPISCIO_SERVER_ORIGIN', '')
    expect(getServerOrigin()).toBeUndefined()
    vi.stubEnv('CAPISCIO_SERVER_ORIGIN', 'https://env.example')
    expect(getServerOrigin()).toBe('https://env.example')
    expect(withServerOrigin('https://context.example', getServerOrigin)).toBe('https://context.example')
    expect(withServerOrigin('https://context.example', () => withServerOrigin(undefined, getServerOrigin))).toBe(
      'https://env.example',
    )
  })

  test('can be set for the rest of a context', async () => {
    await Promise.resolve().then(() => {
      setServerOrigin('https://set.example')
      expect(getServerOrigin()).toBe('https://set.example')
    })
  })

  test('must be well-formed text', () => {
    expect(() => withServerOrigin(7 as unknown as string, () => {})).toThrow(TypeError)
    expect(() => setServerOrigin('\ud800')).toThrow(TypeError)
  })
})
