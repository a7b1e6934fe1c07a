import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as node from '../../../core/src/lib/base64url.ts'
import * as browser from '../../../core/src/lib/browser/base64url.ts'

describe.each([
  ['in Node', node],
  ['in a browser', browser],
])('base64url %s', (_, { decodeBase64url, encodeBase64url }) => {
  it('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(decodeBase64url(encodeBase64url(bytes))).toEqual(bytes)
      }),
    )
  })

  it('reads the texts of RFC 4648 §10 without their padding', () => {
    expect(decodeBase64url('Zm9vYg')).toEqual(new TextEncoder().encode('foob'))
    expect(decodeBase64url('Zm9vYmE')).toEqual(new TextEncoder().encode('fooba'))
    expect(decodeBase64url('-_-_')).toEqual(Uint8Array.of(0xfb, 0xff, 0xbf))
  })

  it.each([
    ['padding', 'Zm9vYg=='],
    ['the other alphabet', '+/+/'],
    ['left-over bits', 'Zm9vYh'],
    ['a length that no bytes have', 'Zm9vY'],
    ['a space', 'Zm9v '],
    ['a line break at the end', 'Zm9v\n'],
    ['a character beyond ASCII', 'Zm9vé'],
  ])('refuses %s', (_, text) => {
    expect(decodeBase64url(text)).toBeUndefined()
  })

  it('never reads two texts as the same bytes', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (text) => {
        const bytes = decodeBase64url(text)
        if (bytes !== undefined) expect(encodeBase64url(bytes)).toBe(text)
      }),
    )
  })
})
