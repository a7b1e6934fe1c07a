import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  appendLeaf,
  appendLeaves,
  EMPTY_EDGE,
  EMPTY_ROOT,
  edgeRoot,
  leafHash,
  nodeHash,
  rootOf,
} from '../../../../core/src/domain/evidence/merkle.ts'
import { example, hex, utf8 } from './worked-example.ts'

/** RFC 6962 §2.1, word for word. */
function definedRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves
  if (only === undefined) return EMPTY_ROOT
  if (leaves.length === 1) return only
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(definedRoot(leaves.slice(0, k)), definedRoot(leaves.slice(k)))
}

describe('the tree', () => {
  it('hashes the leaves of the worked example', () => {
    expect(example.entries.map(({ text }) => hex(leafHash(utf8(text))))).toEqual(example.entries.map((e) => e.leafHash))
  })

  it.each(example.roots)('has the root of the worked example at size $size', ({ size, root }) => {
    const leaves = example.entries.slice(0, size).map(({ text }) => leafHash(utf8(text)))
    expect(hex(rootOf(leaves))).toBe(root)
  })

  it('has the published roots around tile boundaries', () => {
    const expected = new Map(example.largerTrees.map(({ size, root }) => [size, root]))
    const found = new Map<number, string>()
    let edge = EMPTY_EDGE
    for (let i = 0; i < 70_000; i++) {
      edge = appendLeaf(edge, leafHash(utf8(`entry-${i}`)))
      if (expected.has(edge.size)) found.set(edge.size, hex(edgeRoot(edge)))
    }
    expect(found).toEqual(expected)
  })

  it('keeps one hash for each set bit and never changes an older edge', () => {
    let edge = EMPTY_EDGE
    for (let size = 1; size <= 130; size++) {
      const before = JSON.stringify(edge)
      const next = appendLeaf(edge, leafHash(utf8(String(size))))
      expect(next.size).toBe(size)
      expect(next.hashes.length).toBe([...size.toString(2)].filter((bit) => bit === '1').length)
      expect(JSON.stringify(edge)).toBe(before)
      edge = next
    }
  })

  it('equals the recursive definition', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 70 }), (entries) => {
        const leaves = entries.map(leafHash)
        expect(rootOf(leaves)).toEqual(definedRoot(leaves))
      }),
    )
  })

  it('hashes an entry of any length behind a zero byte', () => {
    for (const length of [0, 1, 4095, 4096, 4097, 65_535, 200_000]) {
      const entry = new Uint8Array(length).fill(length)
      expect(hex(leafHash(entry))).toBe(createHash('sha256').update(Uint8Array.of(0)).update(entry).digest('hex'))
    }
    // What was hashed before leaves nothing behind.
    expect(leafHash(utf8('a'))).toEqual(leafHash(utf8('a')))
  })

  it('makes a node of two hashes of 32 bytes and of nothing else', () => {
    const hash = new Uint8Array(32)
    expect(hex(nodeHash(hash, hash))).toBe(
      createHash('sha256').update(Uint8Array.of(1)).update(new Uint8Array(64)).digest('hex'),
    )
    for (const wrong of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33)]) {
      expect(() => nodeHash(wrong, hash)).toThrow(TypeError)
      expect(() => nodeHash(hash, wrong)).toThrow(TypeError)
    }
  })

  it('grows by many leaves as by one after the other', () => {
    const leaves = Array.from({ length: 40 }, (_, i) => leafHash(utf8(String(i))))
    for (let first = 0; first <= leaves.length; first++) {
      const edge = appendLeaves(EMPTY_EDGE, leaves.slice(0, first))
      expect(appendLeaves(edge, leaves.slice(first))).toEqual(leaves.reduce(appendLeaf, EMPTY_EDGE))
      expect(edge).toEqual(leaves.slice(0, first).reduce(appendLeaf, EMPTY_EDGE))
    }
  })

  it('refuses an edge that lacks a hash', () => {
    expect(() => appendLeaf({ size: 1, hashes: [] }, new Uint8Array(32))).toThrow(TypeError)
  })

  it('tells a leaf from a node with the same bytes', () => {
    const [a, b] = [leafHash(utf8('a')), leafHash(utf8('b'))]
    expect(leafHash(Uint8Array.of(...a, ...b))).not.toEqual(nodeHash(a, b))
  })
})
