import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { systemRandom } from '../../../../core/src/adapters/crypto/system-random.ts'
import { createApiKey, createApiKeyRing, hashApiKey } from '../../../../core/src/domain/guard/api-keys.ts'

const entry = (name: string, key: string) => ({ name, hash: hashApiKey(key) })

describe('a key ring', () => {
  const ring = createApiKeyRing([entry('ci', 'key-of-ci'), entry('constructor', 'key-of-constructor')])

  test('knows a configured key by the name of its caller', () => {
    expect(ring.lookup('key-of-ci')).toBe('ci')
    expect(ring.lookup('key-of-constructor')).toBe('constructor')
  })

  test.each([
    '',
    'ci',
    'key-of-c',
    'key-of-ci ',
    'Key-of-ci',
    hashApiKey('key-of-ci'),
    '__proto__',
    'x'.repeat(10_000),
  ])('does not know %j', (key) => {
    expect(ring.lookup(key)).toBeUndefined()
  })

  test('without entries knows nobody', () => {
    expect(createApiKeyRing([]).lookup('')).toBeUndefined()
    expect(createApiKeyRing([]).lookup('toString')).toBeUndefined()
  })

  test('does not follow a change of its entries', () => {
    const entries = [entry('ci', 'k')]
    const fixed = createApiKeyRing(entries)
    entries[0] = entry('evil', 'k')
    expect(fixed.lookup('k')).toBe('ci')
  })
})

describe('the hash of a key', () => {
  test('is that of its UTF-8 bytes', () => {
    expect(hashApiKey('käy')).toBe(`sha256:${createHash('sha256').update('käy', 'utf8').digest('base64url')}`)
  })
})

describe('an entry', () => {
  test.each([
    ['an empty name', { name: '', hash: hashApiKey('k') }],
    ['a name with a blank', { name: 'a b', hash: hashApiKey('k') }],
    ['a name with a line break', { name: 'a\n', hash: hashApiKey('k') }],
    ['a name with a colon', { name: 'a:b', hash: hashApiKey('k') }],
    ['a name that begins with a dash', { name: '-a', hash: hashApiKey('k') }],
    ['a name with 65 letters', { name: 'a'.repeat(65), hash: hashApiKey('k') }],
    ['no hash', { name: 'a', hash: '' }],
    ['a key instead of a hash', { name: 'a', hash: 'cpk_0123456789' }],
    ['a hash in hexadecimal', { name: 'a', hash: `sha256:${'0'.repeat(64)}` }],
    ['a hash with padding', { name: 'a', hash: `${hashApiKey('k')}=` }],
    ['a hash of another name', { name: 'a', hash: hashApiKey('k').replace('sha256', 'sha512') }],
    ['a hash with left-over bits', { name: 'a', hash: `sha256:${'A'.repeat(42)}B` }],
    ['the hash of an empty key', { name: 'a', hash: hashApiKey('') }],
  ])('is refused with %s', (_title, bad) => {
    expect(() => createApiKeyRing([bad])).toThrow(TypeError)
  })

  test('is accepted with the longest name', () => {
    expect(createApiKeyRing([entry('a'.repeat(64), 'k')]).lookup('k')).toBe('a'.repeat(64))
    expect(createApiKeyRing([{ name: 'a', hash: `sha256:${'A'.repeat(43)}` }]).lookup('k')).toBeUndefined()
  })

  test('is refused when its name or its key is there already', () => {
    expect(() => createApiKeyRing([entry('a', 'k'), entry('a', 'l')])).toThrow(/name a is given twice/)
    expect(() => createApiKeyRing([entry('a', 'k'), entry('b', 'k')])).toThrow(/same as that of a/)
  })
})

describe('a new key', () => {
  test('has a prefix and 256 random bits', () => {
    const { key, entry: made } = createApiKey('ci', {
      uuid: () => '',
      bytes: (length) => new Uint8Array(length).fill(255),
    })
    expect(key).toBe(`cpk_${Buffer.alloc(32, 255).toString('base64url')}`)
    expect(made).toEqual({ name: 'ci', hash: hashApiKey(key) })
  })

  test('is known to a ring with its entry, and is another one each time', () => {
    const a = createApiKey('ci', systemRandom)
    expect(a.key).toMatch(/^cpk_[A-Za-z0-9_-]{43}$/)
    expect(createApiKeyRing([a.entry]).lookup(a.key)).toBe('ci')
    expect(createApiKey('ci', systemRandom).key).not.toBe(a.key)
    expect(JSON.stringify(a.entry)).not.toContain(a.key)
  })

  test('is not made for a bad name', () => {
    expect(() => createApiKey('a b', systemRandom)).toThrow(TypeError)
  })
})
