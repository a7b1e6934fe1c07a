import { describe, expect, it } from 'vitest'
import { sha256, sha256Base64url } from '../../../core/src/lib/sha256.ts'

const FOO = 'LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564'

describe('SHA-256', () => {
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
