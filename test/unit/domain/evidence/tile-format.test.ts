import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBundle, encodeBundle } from '../../../../core/src/domain/evidence/entry-bundle.ts'
import { decodeHashTile, encodeHashTile, foldHashes } from '../../../../core/src/domain/evidence/hash-tile.ts'
import { leafHash, rootOf } from '../../../../core/src/domain/evidence/merkle.ts'
import { example, fromHex, utf8 } from './worked-example.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const entries = example.entries.map(({ text }) => utf8(text))

describe('the files of the worked example', () => {
  const made: Record<string, Uint8Array> = {
    'tile/entries/000.p/3': encodeBundle(entries),
    'tile/0/000.p/3': encodeHashTile(entries.map(leafHash)),
  }
  it.each(example.files)('$path is made byte for byte', ({ path, bytes, sha256: digest }) => {
    expect([made[path]?.length, sha256(made[path] ?? utf8(''))]).toEqual([bytes, digest])
  })
})

describe('entry bundles', () => {
  const bundle = encodeBundle(entries)

  it('are read back, of any content and up to 256 entries', () => {
    const anything = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 })
    fc.assert(
      fc.property(anything, (some) => {
        const bytes = encodeBundle(some)
        expect(decodeBundle(bytes, some.length)).toEqual(some)
        expect(decodeBundle(bytes, some.length + 1)).toBeUndefined()
        expect(decodeBundle(bytes, some.length - 1)).toBeUndefined()
        expect(decodeBundle(bytes.slice(0, -1), some.length)).toBeUndefined()
        expect(decodeBundle(Uint8Array.of(...bytes, 0), some.length)).toBeUndefined()
      }),
    )
  })

  it('hold entries of 65535 bytes and none larger, 256 and no more, and at least one', () => {
    const largest = new Uint8Array(65_535).fill(1)
    expect(decodeBundle(encodeBundle([largest]), 1)).toEqual([largest])
    expect(() => encodeBundle([new Uint8Array(65_536)])).toThrow(RangeError)
    const one = utf8('x')
    expect(encodeBundle(Array.from({ length: 256 }, () => one)).length).toBe(768)
    expect(() => encodeBundle(Array.from({ length: 257 }, () => one))).toThrow(RangeError)
    expect(() => encodeBundle([])).toThrow(RangeError)
  })

  it('cut anywhere are refused', () => {
    for (let length = 0; length < bundle.length; length++) {
      expect(decodeBundle(bundle.subarray(0, length), 3)).toBeUndefined()
    }
  })
})

describe('hash tiles', () => {
  const leaves = Array.from({ length: 256 }, (_, i) => leafHash(utf8(`entry-${i}`)))

  it('are read back at exactly their width', () => {
    for (const width of [1, 2, 255, 256]) {
      const tile = encodeHashTile(leaves.slice(0, width))
      expect(tile.length).toBe(32 * width)
      expect(decodeHashTile(tile, width)).toEqual(leaves.slice(0, width))
      expect(decodeHashTile(tile, width - 1)).toBeUndefined()
      expect(decodeHashTile(tile.subarray(1), width)).toBeUndefined()
    }
    expect(() => encodeHashTile([])).toThrow(RangeError)
    expect(() => encodeHashTile([...leaves, ...leaves.slice(0, 1)])).toThrow(RangeError)
  })

  it('fold to the root of their leaves, full or a power of two', () => {
    for (const count of [1, 2, 4, 128, 256])
      expect(foldHashes(leaves.slice(0, count))).toEqual(rootOf(leaves.slice(0, count)))
    const full = example.largerTrees.find(({ size }) => size === 256)
    expect(foldHashes(leaves)).toEqual(fromHex(full?.root ?? ''))
  })

  it.each([0, 3, 6, 255])('do not fold %i hashes', (count) => {
    expect(() => foldHashes(leaves.slice(0, count))).toThrow(RangeError)
  })
})
