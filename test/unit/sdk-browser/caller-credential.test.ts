import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { CallerCredential, toCallerCredential } from '../../../sdk-browser/src/caller-credential.ts'

const SECRET = 'canary-secret'

describe.each([
  ['a badge', { badge: SECRET }, 'badge', 'badge'],
  ['an API key', { apiKey: SECRET }, 'apiKey', 'apikey'],
] as const)('%s', (_what, input, kind, authLevel) => {
  const credential = new CallerCredential(input)

  test('comes out of reveal', () => {
    expect(credential.reveal()).toBe(SECRET)
    expect([credential.kind, credential.authLevel]).toEqual([kind, authLevel])
    expect(toCallerCredential(credential)).toBe(credential)
  })

  test('comes out of nothing else', () => {
    const shown = [
      JSON.stringify(credential),
      String(credential),
      inspect(credential, { showHidden: true, depth: 9, getters: true }),
      JSON.stringify(structuredClone(credential)),
      JSON.stringify({ ...credential }),
      JSON.stringify(Object.getOwnPropertyDescriptors(credential)),
    ]
    expect(shown.join('\n')).not.toContain(SECRET)
    expect(JSON.stringify(credential)).toBe(JSON.stringify({ kind, secret: '[redacted]' }))
  })

  test('cannot be exchanged', () => {
    expect(Object.isFrozen(credential)).toBe(true)
  })
})

test('a credential that was not made by its constructor reveals nothing', () => {
  expect(Reflect.apply(CallerCredential.prototype.reveal, Object.create(CallerCredential.prototype), [])).toBe('')
})
