import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PACKED_WORDS, packId, unpackId } from '../../../../core/src/domain/revocation/packed-id.ts'
import { createRevocationSet, type ListedUpTo } from '../../../../core/src/domain/revocation/revocation-set.ts'

/** UUIDs that often meet in one bucket and often share their first words. */
const uuids = fc
  .tuple(fc.nat(3), fc.nat(7), fc.oneof(fc.nat(3), fc.nat(0xffffffff)))
  .map(([a, b, c]) => unpackId([a, (b << 13) | 0x4000, 0x80000000 + b, c]))

const ids = fc.oneof(
  { weight: 9, arbitrary: fc.oneof(uuids, fc.uuid()) },
  { weight: 1, arbitrary: fc.constantFrom('x', 'y-1', 'did:web:a.example') },
)

const id = (n: number) => unpackId([n * 2654435761, 0x4000, 0x80000000, n])

describe('packing', () => {
  it('takes every UUID apart and together again, in either case', () => {
    const words = new Uint32Array(PACKED_WORDS)
    fc.assert(
      fc.property(fc.uuid(), fc.boolean(), (uuid, upper) => {
        expect(packId(upper ? uuid.toUpperCase() : uuid, words)).toBe(true)
        expect(unpackId(words)).toBe(uuid.toLowerCase())
      }),
    )
  })

  it.each([
    '',
    '550e8400e29b41d4a716446655440000',
    '550e8400-e29b-41d4-a716-44665544000',
    '550e8400-e29b-41d4-a716-4466554400000',
    '550e8400-e29b-41d4-a716-44665544000g',
    '550e8400-e29b-41d4-a716_446655440000',
    '550e8400-e29b-41d4-a71-6446655440000',
    '{50e8400-e29b-41d4-a716-44665544000}',
    '550e8400-e29b-41d4-a716-44665544000:',
    '550e8400-e29b-41d4-a716-44665544000/',
    '550e8400-e29b-41d4-a716-44665544000@',
    '550e8400-e29b-41d4-a716-44665544000`',
  ])('refuses %j', (text) => {
    expect(packId(text, new Uint32Array(PACKED_WORDS))).toBe(false)
  })
})

describe('a set of revocations', () => {
  it('behaves as a set of lower-case texts', () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 300 }), fc.array(ids, { maxLength: 20 }), (added, asked) => {
        const model = new Set<string>()
        const set = createRevocationSet(1_000)
        for (const one of added) {
          expect(set.add(one)).toBe(!model.has(one.toLowerCase()))
          model.add(one.toLowerCase())
          expect(set.size).toBe(model.size)
        }
        for (const one of [...added, ...asked]) expect(set.has(one)).toBe(model.has(one.toLowerCase()))
      }),
    )
  })

  it('comes back whole from its packed form, and takes that in twice without change', () => {
    fc.assert(
      fc.property(fc.array(uuids, { maxLength: 300 }), (added) => {
        const set = createRevocationSet(1_000)
        for (const one of added) set.add(one)
        const copy = createRevocationSet(1_000)
        for (let n = 0; n < 2; n++) for (const piece of set.packed()) copy.addPacked(piece)
        expect(copy.size).toBe(new Set(added).size)
        expect(added.every((one) => copy.has(one))).toBe(true)
      }),
    )
  })

  it('lists everything once, page by page, also while it grows', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(uuids, { maxLength: 100 }),
        fc.array(uuids),
        fc.integer({ min: 1, max: 7 }),
        (first, later, limit) => {
          const set = createRevocationSet(1_000)
          for (const one of first) set.add(one)
          const growth = later.values()
          const listed: string[] = []
          let after: ListedUpTo | undefined
          do {
            const page = set.list(limit, after)
            expect(page.ids.length).toBeLessThanOrEqual(limit)
            listed.push(...page.ids)
            after = page.next
            const more = growth.next()
            if (!more.done) set.add(more.value)
          } while (after !== undefined)
          expect(new Set(listed).size).toBe(listed.length)
          expect(listed).toEqual(expect.arrayContaining(first))
        },
      ),
    )
  })

  it('refuses one id more than it may hold, and keeps what it holds', () => {
    const set = createRevocationSet(3)
    for (const one of [id(1), id(2), 'other']) set.add(one)
    expect(() => set.add(id(3))).toThrow(RangeError)
    expect(() => set.add('another')).toThrow(RangeError)
    expect(set.add(id(2))).toBe(false)
    expect(set.add('other')).toBe(false)
    expect([set.size, set.has(id(1)), set.has(id(3)), set.has('another')]).toEqual([3, true, false, false])
  })

  it('holds no more than ten thousand ids that are no UUID, which nobody can have as a badge', () => {
    const set = createRevocationSet(20_000)
    for (let n = 0; n < 10_000; n++) set.add(`id-${n}`)
    expect(() => set.add('one more')).toThrow(RangeError)
    expect(set.add(id(1))).toBe(true)
  })

  it('refuses packed bytes that are not 16 for each id', () => {
    const set = createRevocationSet(10)
    expect(() => set.addPacked(new Uint8Array(31))).toThrow(RangeError)
    expect(set.size).toBe(0)
  })

  it('keeps every one of many ids, in at most 21 bytes each', () => {
    const set = createRevocationSet(1_000_000)
    for (let n = 0; n < 200_000; n++) set.add(id(n))
    expect(set.size).toBe(200_000)
    for (let n = 0; n < 200_000; n++) if (!set.has(id(n))) throw new Error(`${id(n)} is lost`)
    expect(set.has(id(200_000))).toBe(false)
    expect(set.heldBytes / set.size).toBeLessThan(21)
    expect(set.heldBytes / set.size).toBeGreaterThan(16)
  })
})
