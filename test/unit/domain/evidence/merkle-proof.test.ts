import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leafHash, rootOf } from '../../../../core/src/domain/evidence/merkle.ts'
import { verifyConsistency, verifyInclusion } from '../../../../core/src/domain/evidence/merkle-proof.ts'
import { sharedVectors } from '../../../tools/shared-vectors.ts'
import { example, fromHex, utf8 } from './worked-example.ts'

const merkle = sharedVectors('merkle')
if (merkle === undefined) console.info('Merkle proof vectors are not beside this checkout: skipped.')

const bytes = (base64: string | undefined) => new Uint8Array(Buffer.from(base64 ?? '', 'base64'))
const load = <T>(file: string): T[] =>
  merkle === undefined ? [] : JSON.parse(readFileSync(join(merkle, file), 'utf8'))

interface InclusionVector {
  readonly file: string
  readonly leafIdx: number
  readonly treeSize: number
  readonly root?: string
  readonly leafHash?: string
  readonly proof?: readonly string[] | null
  readonly wantErr: boolean
}

interface ConsistencyVector {
  readonly file: string
  readonly size1: number
  readonly size2: number
  readonly root1?: string
  readonly root2?: string
  readonly proof?: readonly string[] | null
  readonly wantErr: boolean
}

describe.skipIf(merkle === undefined)('public vectors', () => {
  it('agree about every inclusion proof', () => {
    const vectors = load<InclusionVector>('inclusion.json')
    expect(vectors.length).toBe(98)
    for (const { file, leafIdx, treeSize, root, leafHash: leaf, proof, wantErr } of vectors) {
      const claim = {
        index: leafIdx,
        size: treeSize,
        leafHash: bytes(leaf),
        root: bytes(root),
        proof: (proof ?? []).map(bytes),
      }
      expect([file, verifyInclusion(claim)]).toEqual([file, !wantErr])
    }
  })

  it('agree about every consistency proof, but for the one with 12-byte roots', () => {
    const vectors = load<ConsistencyVector>('consistency.json')
    expect(vectors.length).toBe(98)
    for (const { file, size1, size2, root1, root2, proof, wantErr } of vectors) {
      const claim = {
        oldSize: size1,
        newSize: size2,
        oldRoot: bytes(root1),
        newRoot: bytes(root2),
        proof: (proof ?? []).map(bytes),
      }
      const shortRoots = file.endsWith('sizes-are-equal-one-and-proof-is-empty.json')
      expect([file, verifyConsistency(claim)]).toEqual([file, !wantErr && !shortRoots])
    }
  })
})

describe('the worked example', () => {
  const leaves = example.entries.map(({ leafHash: leaf }) => fromHex(leaf))
  const rootAt = (size: number) => rootOf(leaves.slice(0, size))
  const named = (name: string) => (name === 'root2' ? rootAt(2) : (leaves[Number(name.slice(1))] as Uint8Array))

  it.each(example.inclusion)('proves entry $index in a tree of $size', ({ size, index, proof }) => {
    const claim = { index, size, leafHash: leaves[index] as Uint8Array, root: rootAt(size), proof: proof.map(named) }
    expect(verifyInclusion(claim)).toBe(true)
    expect(verifyInclusion({ ...claim, index: index + 1 })).toBe(false)
    expect(verifyInclusion({ ...claim, proof: [...claim.proof, rootAt(1)] })).toBe(false)
  })

  it.each(example.consistency)('proves that $to extends $from', ({ from, to, proof }) => {
    const claim = { oldSize: from, newSize: to, oldRoot: rootAt(from), newRoot: rootAt(to), proof: proof.map(named) }
    expect(verifyConsistency(claim)).toBe(true)
    expect(verifyConsistency({ ...claim, oldRoot: rootAt(to) })).toBe(false)
    expect(verifyConsistency({ ...claim, proof: [...claim.proof, rootAt(1)] })).toBe(false)
  })
})

/** PATH and PROOF of evidence-log §6 and §7. */
function split(size: number): number {
  let k = 1
  while (k * 2 < size) k *= 2
  return k
}
function path(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return []
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m < k ? [...path(m, left), rootOf(right)] : [...path(m - k, right), rootOf(left)]
}
function proofOf(m: number, leaves: readonly Uint8Array[], whole = true): Uint8Array[] {
  if (m === leaves.length) return whole ? [] : [rootOf(leaves)]
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m <= k ? [...proofOf(m, left, whole), rootOf(right)] : [...proofOf(m - k, right, false), rootOf(left)]
}

describe('proofs by the definition', () => {
  const leaves = Array.from({ length: 40 }, (_, i) => leafHash(utf8(`entry-${i}`)))
  const trees = fc.integer({ min: 1, max: 40 })

  it('verify for every leaf, and for no other place, leaf or root', () => {
    fc.assert(
      fc.property(trees, fc.nat(), fc.nat(31), (size, pick, bit) => {
        const index = pick % size
        const tree = leaves.slice(0, size)
        const claim = { index, size, leafHash: tree[index] as Uint8Array, root: rootOf(tree), proof: path(index, tree) }
        expect(verifyInclusion(claim)).toBe(true)
        const flipped = claim.root.map((byte, i) => (i === bit ? byte ^ 1 : byte))
        expect(verifyInclusion({ ...claim, root: flipped })).toBe(false)
        expect(verifyInclusion({ ...claim, leafHash: leafHash(utf8('other')) })).toBe(false)
        expect(verifyInclusion({ ...claim, index: size })).toBe(false)
        for (let other = 0; other < size; other++)
          expect(verifyInclusion({ ...claim, index: other })).toBe(other === index)
      }),
    )
  })

  it('verify for every pair of sizes, and for no other root', () => {
    for (let size = 1; size <= 40; size++) {
      for (let old = 1; old <= size; old++) {
        const tree = leaves.slice(0, size)
        const claim = {
          oldSize: old,
          newSize: size,
          oldRoot: rootOf(tree.slice(0, old)),
          newRoot: rootOf(tree),
          proof: proofOf(old, tree),
        }
        expect(verifyConsistency(claim)).toBe(true)
        expect(verifyConsistency({ ...claim, oldRoot: leafHash(utf8('x')) })).toBe(false)
        expect(verifyConsistency({ ...claim, newRoot: leafHash(utf8('x')) })).toBe(false)
        expect(verifyConsistency({ ...claim, proof: [...claim.proof, claim.oldRoot] })).toBe(false)
      }
    }
  })
})

describe('claims that are no claims', () => {
  const hash = leafHash(utf8('a'))
  it.each([-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])('are refused: size %s', (size) => {
    expect(verifyInclusion({ index: 0, size, leafHash: hash, root: hash, proof: [] })).toBe(false)
    expect(verifyInclusion({ index: size, size: 1, leafHash: hash, root: hash, proof: [] })).toBe(false)
    expect(verifyConsistency({ oldSize: size, newSize: size, oldRoot: hash, newRoot: hash, proof: [] })).toBe(false)
  })

  it('are refused: hashes that are not 32 bytes', () => {
    const short = hash.slice(1)
    expect(verifyInclusion({ index: 0, size: 1, leafHash: short, root: short, proof: [] })).toBe(false)
    expect(verifyConsistency({ oldSize: 1, newSize: 1, oldRoot: short, newRoot: short, proof: [] })).toBe(false)
  })

  it('are refused: an older tree of 0, or one that is larger', () => {
    expect(verifyConsistency({ oldSize: 0, newSize: 0, oldRoot: hash, newRoot: hash, proof: [] })).toBe(false)
    expect(verifyConsistency({ oldSize: 2, newSize: 1, oldRoot: hash, newRoot: hash, proof: [hash] })).toBe(false)
  })

  it('are refused beyond 32 bits as they are within', () => {
    const size = 2 ** 40
    const proof = Array.from({ length: 40 }, () => hash)
    let root = hash
    for (const sibling of proof) root = rootOf([root, sibling])
    expect(verifyInclusion({ index: 0, size, leafHash: hash, root, proof })).toBe(true)
    expect(verifyInclusion({ index: 2 ** 32, size, leafHash: leafHash(utf8('b')), root, proof })).toBe(false)
    expect(verifyInclusion({ index: 0, size, leafHash: hash, root, proof: proof.slice(1) })).toBe(false)
  })
})
