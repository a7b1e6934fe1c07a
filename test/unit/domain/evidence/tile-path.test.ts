import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fullFile,
  parseTilePath,
  rightmostTilesOf,
  type TileFile,
  tileFilesOf,
  tilePath,
} from '../../../../core/src/domain/evidence/tile-path.ts'

const hashes = (level: number, index: number, width = 256): TileFile => ({ kind: 'hashes', level, index, width })
const entries = (index: number, width = 256): TileFile => ({ kind: 'entries', index, width })

describe('paths of tiles and bundles', () => {
  it.each<[TileFile, string]>([
    [hashes(0, 0), 'tile/0/000'],
    [hashes(0, 273), 'tile/0/273'],
    [hashes(1, 1000), 'tile/1/x001/000'],
    [hashes(0, 1_234_067), 'tile/0/x001/x234/067'],
    [hashes(0, 1_234_067, 8), 'tile/0/x001/x234/067.p/8'],
    [hashes(63, 5, 255), 'tile/63/005.p/255'],
    [entries(0, 3), 'tile/entries/000.p/3'],
    [entries(999), 'tile/entries/999'],
    [entries(1_000_000), 'tile/entries/x001/x000/000'],
  ])('%j is %s, and is read back', (file, path) => {
    expect(tilePath(file)).toBe(path)
    expect(parseTilePath(path)).toEqual(file)
  })

  it('are read back for every file, and no two files share one', () => {
    const file = fc.record({
      index: fc.maxSafeNat(),
      width: fc.integer({ min: 1, max: 256 }),
      level: fc.option(fc.integer({ min: 0, max: 63 })),
    })
    fc.assert(
      fc.property(file, ({ index, width, level }) => {
        const one = level === null ? entries(index, width) : hashes(level, index, width)
        expect(parseTilePath(tilePath(one))).toEqual(one)
      }),
    )
  })

  it.each([
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/00/000',
    'tile/64/000',
    'tile/100/000',
    'tile/-1/000',
    'tile/0/x000/000',
    'tile/0/001/000',
    'tile/0/x1/000',
    'tile/0/X001/000',
    'tile/0/x001',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/000.p/999',
    'tile/0/000.p/',
    'tile/0/000.p',
    'tile/0/000/',
    '/tile/0/000',
    'tile/0//000',
    'tile/0/../0/000',
    'tile/data/000',
    'tile/8/0/000',
    'tile/0/x999/x999/x999/x999/x999/x999/999',
    'tile/0/000\n',
    'checkpoint',
    '',
  ])('refuse the other spelling %j', (path) => {
    expect(parseTilePath(path)).toBeUndefined()
  })

  it.each([
    hashes(64, 0),
    hashes(-1, 0),
    hashes(0.5, 0),
    hashes(0, -1),
    hashes(0, 2 ** 53),
    hashes(0, 0, 0),
    hashes(0, 0, 257),
    entries(0, 1.5),
  ])('are not made for %j', (file) => {
    expect(() => tilePath(file)).toThrow(RangeError)
  })

  it('of a full file is the one beside its partial folder', () => {
    expect(tilePath(fullFile(entries(7, 3)))).toBe('tile/entries/007')
  })
})

describe('the files of a tree', () => {
  const summary = (size: number) =>
    [...tileFilesOf(size)].reduce<Record<string, string[]>>((levels, file) => {
      const name = file.kind === 'entries' ? 'entries' : String(file.level)
      const row = levels[name] ?? []
      levels[name] = row
      if (file.width < 256) row.push(`partial ${file.width}`)
      else row[0] = `${Number(row[0]?.split(' ')[0] ?? 0) + 1} full`
      return levels
    }, {})

  it.each<[number, Record<string, string[]>]>([
    [0, {}],
    [1, { '0': ['partial 1'] }],
    [255, { '0': ['partial 255'] }],
    [256, { '0': ['1 full'], '1': ['partial 1'] }],
    [257, { '0': ['1 full', 'partial 1'], '1': ['partial 1'] }],
    [65_536, { '0': ['256 full'], '1': ['1 full'], '2': ['partial 1'] }],
    [70_000, { '0': ['273 full', 'partial 112'], '1': ['1 full', 'partial 17'], '2': ['partial 1'] }],
  ])('of %i are those of the table', (size, levels) => {
    expect(summary(size)).toEqual({ ...(levels['0'] && { entries: levels['0'] }), ...levels })
  })

  it('at its right edge are the last of each level', () => {
    expect([...rightmostTilesOf(70_000)].map(tilePath)).toEqual([
      'tile/0/273.p/112',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
    ])
    expect([...rightmostTilesOf(65_536)].map(tilePath)).toEqual(['tile/0/255', 'tile/1/000', 'tile/2/000.p/1'])
    expect([...rightmostTilesOf(0)]).toEqual([])
  })
})
