import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as browser from '../../../core/src/lib/browser/sha256.ts'
import * as node from '../../../core/src/lib/sha256.ts'

const FOO = 'LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564'

describe.each([
  ['in Node', node],
  ['in a browser', browser],
])('SHA-256 %s', (_, { sha256, sha256Base64url }) => {
  it('hashes text to base64url', () => {
    expect(sha256Base64url('foo')).toBe(FOO)
  })

  it('hashes parts as if they were one', () => {
    const [f, oo, foo] = ['f', 'oo', 'foo'].map((text) => new TextEncoder().encode(text)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    expect(sha256(f, oo)).toEqual(sha256(foo))
    expect(Buffer.from(sha256(foo)).toString('base64url')).toBe(FOO)
    expect(sha256(oo, f)).not.toEqual(sha256(foo))
  })
})

describe('what stands in for Node in a browser', () => {
  it('has the same names, and hashes everything as Node does', () => {
    expect(Object.keys(browser)).toEqual(Object.keys(node))
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 3 }),
        fc.string({ unit: 'binary' }),
        (parts, text) => {
          expect(browser.sha256(...parts)).toEqual(node.sha256(...parts))
          expect(browser.sha256Base64url(text)).toBe(node.sha256Base64url(text))
        },
      ),
    )
  })
})
