import { beforeAll, describe, expect, it } from 'vitest'
import { foldHashes } from '../../../../core/src/domain/evidence/hash-tile.ts'
import { appendLeaves, EMPTY_EDGE, edgeRoot, leafHash, rootOf } from '../../../../core/src/domain/evidence/merkle.ts'
import { verifyConsistency, verifyInclusion } from '../../../../core/src/domain/evidence/merkle-proof.ts'
import {
  edgeOf,
  proveConsistency,
  proveInclusion,
  type SubtreeHash,
} from '../../../../core/src/domain/evidence/merkle-prover.ts'
import { subtreesFromTiles } from '../../../../core/src/domain/evidence/tile-hashes.ts'
import { rightmostTilesOf, tileFilesOf } from '../../../../core/src/domain/evidence/tile-path.ts'
import { createTileTree, type HashTile } from '../../../../core/src/domain/evidence/tile-tree.ts'
import { example, fromHex, hex, utf8 } from './worked-example.ts'

const LARGEST = 70_000
let leaves: readonly Uint8Array[]
/** Tiles of the largest tree: a tile of a smaller tree is the beginning of one of them. */
let tiles: ReadonlyMap<string, readonly Uint8Array[]>
let fullTiles: readonly HashTile[]

beforeAll(() => {
  leaves = Array.from({ length: LARGEST }, (_, i) => leafHash(utf8(`entry-${i}`)))
  const tree = createTileTree()
  fullTiles = leaves.flatMap((leaf) => tree.append(leaf))
  tiles = new Map(
    [...fullTiles, ...tree.partialTiles()].map(({ level, index, hashes }) => [`${level}/${index}`, hashes]),
  )
})

const subtrees = (): SubtreeHash =>
  subtreesFromTiles(async (level, index, width) => {
    const hashes = tiles.get(`${level}/${index}`) ?? []
    if (hashes.length < width) throw new Error(`tile ${level}/${index} has no ${width} hashes`)
    return hashes
  })

describe('a growing tree', () => {
  it('has exactly the tiles of its size, in order', () => {
    const expected = [...tileFilesOf(LARGEST)].filter(({ kind, width }) => kind === 'hashes' && width === 256).length
    expect(fullTiles.length).toBe(expected)
    expect(new Set(fullTiles.map(({ level, index }) => `${level}/${index}`)).size).toBe(expected)
    for (const { level, index, hashes } of fullTiles) {
      const above = tiles.get(`${level + 1}/${Math.floor(index / 256)}`)?.[index % 256]
      expect(above).toEqual(foldHashes(hashes))
    }
  })

  it.each([0, 1, 255, 256, 257, 511, 65_535, 65_536, 65_537])(
    'goes on from %i as if it had never stopped',
    async (size) => {
      const first = createTileTree()
      for (const leaf of leaves.slice(0, size)) first.append(leaf)
      const again = createTileTree(size, first.partialTiles())
      expect(again.size).toBe(size)
      const edge = appendLeaves(EMPTY_EDGE, leaves.slice(0, size))
      expect([first.edge(), again.edge()]).toEqual([edge, edge])
      const kept = again.edge()
      for (const leaf of leaves.slice(size, size + 600)) expect(again.append(leaf)).toEqual(first.append(leaf))
      expect(again.edge()).toEqual(appendLeaves(edge, leaves.slice(size, size + 600)))
      expect(kept).toEqual(edge)
      expect(again.partialTiles()).toEqual(first.partialTiles())
      expect(again.partialTiles().map(({ level, index, hashes }) => [level, index, hashes.length])).toEqual(
        [...rightmostTilesOf(size + 600)]
          .filter(({ width }) => width < 256)
          .map(({ level, index, width }) => [level, index, width]),
      )
    },
  )

  it('is not taken up with other tiles than those of its size', () => {
    const tree = createTileTree()
    for (const leaf of leaves.slice(0, 300)) tree.append(leaf)
    const [lower, upper] = tree.partialTiles() as [HashTile, HashTile]
    expect(() => createTileTree(300, [lower, upper])).not.toThrow()
    for (const wrong of [
      [lower],
      [],
      [upper],
      [lower, upper, { ...upper, level: 2 }],
      [{ ...lower, index: 0 }, upper],
      [{ ...lower, hashes: lower.hashes.slice(1) }, upper],
      [{ ...lower, hashes: lower.hashes.map((hash) => hash.slice(1)) }, upper],
    ])
      expect(() => createTileTree(300, wrong)).toThrow(TypeError)
    expect(() => createTileTree(0, [lower])).toThrow(TypeError)
    expect(() =>
      createTileTree(256, [
        { level: 0, index: 0, hashes: leaves.slice(0, 256) },
        { level: 1, index: 0, hashes: upper.hashes },
      ]),
    ).toThrow(TypeError)
  })
})

describe('hashes folded from tiles', () => {
  it.each(example.largerTrees)('give the published root of $size entries', async ({ size, root }) => {
    expect(hex(edgeRoot(await edgeOf(size, subtrees())))).toBe(root)
  })

  it('give the edge of every small tree', async () => {
    for (let size = 0; size < 600; size += 7) {
      const edge = await edgeOf(size, subtrees())
      expect([edge.size, edgeRoot(edge)]).toEqual([size, rootOf(leaves.slice(0, size))])
    }
  })
})

describe('proofs made from tiles', () => {
  const SIZES = [1, 2, 3, 255, 256, 257, 1000, 65_536, 65_537, 70_000]
  const root = async (size: number) => edgeRoot(await edgeOf(size, subtrees()))

  it('show every kind of leaf in trees up to 70000', async () => {
    for (const size of SIZES) {
      for (const index of new Set([0, 1, 127, 255, 256, 999, 65_535, 65_536, size - 1].filter((i) => i < size))) {
        const proof = await proveInclusion(index, size, subtrees())
        const claim = { index, size, leafHash: leaves[index] as Uint8Array, root: await root(size), proof }
        expect([size, index, verifyInclusion(claim)]).toEqual([size, index, true])
        expect(verifyInclusion({ ...claim, index: index + 1 })).toBe(false)
      }
    }
  })

  it('show that every tree extends every smaller one', async () => {
    for (const newSize of SIZES) {
      for (const oldSize of SIZES.filter((size) => size <= newSize)) {
        const proof = await proveConsistency(oldSize, newSize, subtrees())
        const claim = { oldSize, newSize, oldRoot: await root(oldSize), newRoot: await root(newSize), proof }
        expect([oldSize, newSize, verifyConsistency(claim)]).toEqual([oldSize, newSize, true])
        if (oldSize < newSize) expect(verifyConsistency({ ...claim, oldRoot: await root(newSize) })).toBe(false)
      }
    }
  })

  it('need none for an empty older tree', async () => {
    expect(await proveConsistency(0, 3, subtrees())).toEqual([])
    expect(await proveConsistency(0, 0, subtrees())).toEqual([])
  })

  it.each([
    [3, 3],
    [-1, 3],
    [0, 0],
    [0.5, 3],
    [0, Number.NaN],
  ])('are refused for leaf %d of %d', async (index, size) => {
    await expect(proveInclusion(index, size, subtrees())).rejects.toThrow(RangeError)
  })

  it.each([
    [4, 3],
    [-1, 3],
    [1, 2 ** 53],
  ])('are refused between %d and %d', async (from, to) => {
    await expect(proveConsistency(from, to, subtrees())).rejects.toThrow(RangeError)
  })

  const three = example.entries.map(({ leafHash: leaf }) => fromHex(leaf))
  const ofThree = subtreesFromTiles(async () => three)
  const named = (name: string) =>
    name === 'root2' ? rootOf(three.slice(0, 2)) : (three[Number(name.slice(1))] as Uint8Array)
  it.each(example.inclusion)(
    'are those of the worked example for entry $index of $size',
    async ({ index, size, proof }) => {
      expect(await proveInclusion(index, size, ofThree)).toEqual(proof.map(named))
    },
  )
  it.each(example.consistency)('are those of the worked example from $from to $to', async ({ from, to, proof }) => {
    expect(await proveConsistency(from, to, ofThree)).toEqual(proof.map(named))
  })
})
