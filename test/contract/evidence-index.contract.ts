import { describe, expect, it } from 'vitest'
import type { EvidenceIndex, IndexedEntry, IndexFilter } from '../../core/src/ports/evidence-index.ts'

/** An index's place, which outlives the index. */
export interface EvidenceIndexHarness {
  open(): EvidenceIndex
}

const entry = (index: number, changes: Partial<IndexedEntry> = {}): IndexedEntry => ({
  index,
  id: `id-${index}`,
  kind: 'decision',
  tool: 'read_file',
  principal: 'did:web:a.example',
  decision: 'ALLOW',
  decisionId: '',
  atMs: 1_000 + index,
  ...changes,
})

const ALL = Number.MAX_SAFE_INTEGER

/** What every index promises, whatever it is made of. */
export function describeEvidenceIndex(name: string, create: () => Promise<EvidenceIndexHarness>): void {
  const filled = async (entries: readonly IndexedEntry[]): Promise<EvidenceIndex> => {
    const index = (await create()).open()
    await index.reset('log.example/1', 0)
    await index.add(entries, 'last')
    return index
  }

  describe(`${name} as an evidence index`, () => {
    it('is nowhere when it is new, and at the start of a log after a reset', async () => {
      const index = (await create()).open()
      expect(await index.position()).toBeUndefined()
      await index.reset('log.example/1', 0)
      expect(await index.position()).toEqual({ origin: 'log.example/1', size: 0, lastLeaf: '' })
      await index.close()
    })

    it('starts at a later entry of a log that has no earlier ones any more', async () => {
      const index = (await create()).open()
      await index.reset('log.example/1', 7)
      expect(await index.position()).toEqual({ origin: 'log.example/1', size: 7, lastLeaf: '' })
      await expect(index.add([entry(0)], 'leaf')).rejects.toThrow()
      await index.add([entry(7), entry(8)], 'leaf-8')
      expect(await index.search({}, ALL, 10)).toEqual([8, 7])
      await index.close()
    })

    it('moves with what is added and remembers where it is after it was closed', async () => {
      const harness = await create()
      const index = harness.open()
      await index.reset('log.example/1', 0)
      await index.add([entry(0), entry(1)], 'leaf-1')
      await index.add([entry(2)], 'leaf-2')
      await index.close()
      const again = harness.open()
      expect(await again.position()).toEqual({ origin: 'log.example/1', size: 3, lastLeaf: 'leaf-2' })
      expect(await again.find('id-1')).toEqual([1])
      await again.close()
    })

    it.each([
      ['a gap', [entry(2)]],
      ['an entry that it has', [entry(0)]],
      ['a gap after a good entry', [entry(1), entry(3)]],
    ])('takes nothing of an addition with %s', async (_what, entries) => {
      const index = await filled([entry(0)])
      await expect(index.add(entries, 'other')).rejects.toThrow()
      expect(await index.position()).toEqual({ origin: 'log.example/1', size: 1, lastLeaf: 'last' })
      expect(await index.search({}, ALL, 10)).toEqual([0])
      await index.close()
    })

    it('takes nothing before it knows whose entries they are', async () => {
      const index = (await create()).open()
      await expect(index.add([entry(0)], 'last')).rejects.toThrow()
      expect(await index.position()).toBeUndefined()
      await index.close()
    })

    it('forgets everything at a reset', async () => {
      const index = await filled([entry(0), entry(1)])
      await index.reset('log.example/2', 0)
      expect(await index.position()).toEqual({ origin: 'log.example/2', size: 0, lastLeaf: '' })
      expect(await index.find('id-0')).toEqual([])
      expect(await index.search({}, ALL, 10)).toEqual([])
      await index.close()
    })

    it('finds every entry with an id, oldest first', async () => {
      const index = await filled([entry(0, { id: 'x' }), entry(1), entry(2, { id: 'x' })])
      expect(await index.find('x')).toEqual([0, 2])
      expect(await index.find('id-1')).toEqual([1])
      expect(await index.find('nobody')).toEqual([])
      await index.close()
    })

    const log = [
      entry(0),
      entry(1, { tool: 'drop_table', decision: 'DENY' }),
      entry(2, { principal: 'apikey:ci', atMs: 5 }),
      entry(3, { kind: 'outcome', decision: '', decisionId: 'id-0', atMs: 9_000 }),
      entry(4, { tool: 'drop_table', principal: 'apikey:ci', decision: 'DENY' }),
    ]
    const cases: readonly (readonly [IndexFilter, readonly number[]])[] = [
      [{}, [4, 3, 2, 1, 0]],
      [{ tool: 'drop_table' }, [4, 1]],
      [{ tool: 'drop_tabl' }, []],
      [{ tool: 'DROP_TABLE' }, []],
      [{ principal: 'apikey:ci' }, [4, 2]],
      [{ decision: 'DENY' }, [4, 1]],
      [{ kind: 'outcome' }, [3]],
      [{ decisionId: 'id-0' }, [3]],
      [{ kind: 'decision', decisionId: 'id-0' }, []],
      [{ tool: 'drop_table', principal: 'apikey:ci' }, [4]],
      [{ sinceMs: 1_004 }, [4, 3]],
      [{ untilMs: 1_001 }, [2, 0]],
      [{ sinceMs: 1_000, untilMs: 1_004 }, [1, 0]],
      [{ decision: 'DENY', untilMs: 1_004 }, [1]],
    ]
    it.each(cases)('finds what matches %j, newest first by position', async (filter, expected) => {
      const index = await filled(log)
      expect(await index.search(filter, ALL, 10)).toEqual(expected)
      await index.close()
    })

    it('gives what is below a position, and no more than asked for', async () => {
      const index = await filled(log)
      expect(await index.search({}, 3, 2)).toEqual([2, 1])
      expect(await index.search({}, 1, 2)).toEqual([0])
      expect(await index.search({}, 0, 2)).toEqual([])
      await index.close()
    })

    it('keeps any text and any position exactly', async () => {
      const hostile = `'; DROP TABLE entry; -- \u0000\u{1f600}"%_`
      const index = await filled([entry(0, { id: hostile, tool: hostile, principal: hostile })])
      expect(await index.find(hostile)).toEqual([0])
      expect(await index.search({ tool: hostile, principal: hostile }, ALL, 1)).toEqual([0])
      expect(await index.search({ tool: '%' }, ALL, 1)).toEqual([])
      await index.close()
    })

    it('may be closed twice and refuses everything afterwards', async () => {
      const index = await filled([entry(0)])
      await index.close()
      await index.close()
      await expect(index.position()).rejects.toThrow()
      await expect(index.add([entry(1)], 'last')).rejects.toThrow()
      await expect(index.find('id-0')).rejects.toThrow()
    })
  })
}
