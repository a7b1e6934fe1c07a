import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEvidenceSearch, PageTokenRefused } from '../../../../core/src/domain/evidence/evidence-search.ts'
import { IndexUnavailable } from '../../../../core/src/domain/evidence/index-follower.ts'
import { formatPageToken, parsePageToken } from '../../../../core/src/domain/evidence/page-token.ts'
import { readRecordFacts } from '../../../../core/src/domain/evidence/record-facts.ts'
import type { IndexFilter } from '../../../../core/src/ports/evidence-index.ts'
import { createMemoryEvidenceIndex } from '../../../fakes/memory-evidence-index.ts'
import { createCommittedLog, decision, idOf, ORIGIN, outcome } from './test-records.ts'

async function searchOf(...leaves: readonly Uint8Array[]) {
  const written = createCommittedLog()
  const index = createMemoryEvidenceIndex()
  const distrusted: unknown[] = []
  await index.reset(ORIGIN, 0)
  const search = createEvidenceSearch({
    reader: written.reader,
    index,
    follower: { caughtUp: async () => {}, distrust: (cause) => void distrusted.push(cause) },
  })
  const add = async (...more: readonly Uint8Array[]) => {
    const first = written.leaves.length
    written.commit(...more)
    const entries = more.map((leaf, i) => ({ index: first + i, ...readRecordFacts(leaf) }))
    await index.add(entries, 'last')
  }
  await add(...leaves)
  const positions = async (filter: IndexFilter, token = '', limit = 100) => {
    const { records, nextPageToken } = await search.page(filter, { token, limit })
    return { positions: records.map((record) => record.index), nextPageToken }
  }
  return { search, add, positions, index, distrusted, ...written }
}

describe('a search in the evidence', () => {
  it('finds a record by its id and by its position', async () => {
    const { search } = await searchOf(decision(0), decision(1))
    expect(await search.byId(idOf(1))).toMatchObject({ index: 1, leaf: decision(1), facts: { id: idOf(1) } })
    expect(await search.byIndex(0)).toMatchObject({ index: 0, leaf: decision(0) })
    expect(await search.byId(idOf(2))).toBeUndefined()
    expect(await search.byIndex(2)).toBeUndefined()
    expect(await search.byIndex(-1)).toBeUndefined()
  })

  it('does not find what retention removed, and goes on behind it', async () => {
    const { search, positions, removeBelow } = await searchOf(decision(0), decision(1), decision(2))
    removeBelow(1)
    expect(await search.byId(idOf(0))).toBeUndefined()
    expect(await search.byIndex(0)).toBeUndefined()
    expect((await positions({})).positions).toEqual([2, 1])
  })

  it('fails when an entry that must be there cannot be read', async () => {
    const { search, reader, index } = await searchOf(decision(0))
    Object.assign(reader, {
      entries: () => {
        throw new Error('disk')
      },
    })
    expect(index.state.entries).toHaveLength(1)
    await expect(search.byId(idOf(0))).rejects.toThrow('disk')
  })

  it('is not to be had while the index cannot answer, which is told', async () => {
    const { search, positions, index, distrusted } = await searchOf(decision(0))
    for (const method of ['find', 'search'] as const) index.failing.add(method)
    await expect(search.byId(idOf(0))).rejects.toThrow(IndexUnavailable)
    await expect(positions({})).rejects.toThrow(IndexUnavailable)
    expect(distrusted).toEqual([new Error('find fails'), new Error('search fails')])
    index.failing.clear()
    expect((await positions({})).positions).toEqual([0])
  })

  it('gives pages, newest first, and none after the last', async () => {
    const { positions } = await searchOf(...[0, 1, 2, 3, 4].map((n) => decision(n)))
    const first = await positions({}, '', 2)
    expect(first.positions).toEqual([4, 3])
    const second = await positions({}, first.nextPageToken, 2)
    expect(second.positions).toEqual([2, 1])
    const third = await positions({}, second.nextPageToken, 2)
    expect(third).toEqual({ positions: [0], nextPageToken: '' })
    expect((await positions({}, '', 5)).nextPageToken).toBe('')
  })

  it('keeps its place while records are added: none is shown twice, none is left out', async () => {
    const { positions, add } = await searchOf(decision(0), decision(1), decision(2))
    const first = await positions({}, '', 1)
    await add(decision(3), decision(4))
    expect((await positions({}, first.nextPageToken, 10)).positions).toEqual([1, 0])
  })

  it('goes by position, not by what clocks said', async () => {
    const { positions } = await searchOf(decision(0, { atMs: 9e12 }), decision(1, { atMs: 1 }))
    expect((await positions({})).positions).toEqual([1, 0])
  })

  it.each([
    [{ kind: 'outcome', decisionId: idOf(0) }, [2]],
    [{ tool: 'drop_table' }, [1]],
    [{ decision: 'DENY', principal: 'apikey:ci' }, [1]],
    [{ sinceMs: Date.UTC(2026, 4, 6, 10, 0, 1), untilMs: Date.UTC(2026, 4, 6, 10, 0, 2) }, [1]],
  ] as const)('finds what matches %j', async (filter, expected) => {
    const dropped = decision(1, { target: 'drop_table', agentDid: 'apikey:ci', decision: 'DENY' })
    const { positions } = await searchOf(decision(0), dropped, outcome(2, 0))
    expect((await positions(filter)).positions).toEqual(expected)
  })

  it.each(['kind', 'tool', 'principal', 'decision', 'decisionId', 'sinceMs', 'untilMs'] as const)(
    'shows no record whose %s is another than a changed index says',
    async (name) => {
      const { search, index } = await searchOf(decision(0))
      const [stored] = index.state.entries
      if (stored === undefined) throw new Error('nothing stored')
      index.state.entries = [
        { ...stored, kind: 'x', tool: 'x', principal: 'x', decision: 'x', decisionId: 'x', atMs: 5 },
      ]
      const filter = { kind: 'x', tool: 'x', principal: 'x', decision: 'x', decisionId: 'x' }
      const asked: IndexFilter = name === 'sinceMs' || name === 'untilMs' ? { untilMs: 10 } : { [name]: filter[name] }
      expect((await search.page(asked, { token: '', limit: 10 })).records).toEqual([])
    },
  )

  it('shows no record under an id that only the index gives it', async () => {
    const { search, index } = await searchOf(decision(0), decision(1))
    index.state.entries = index.state.entries.map((entry) => ({ ...entry, id: idOf(1) }))
    expect((await search.byId(idOf(1)))?.index).toBe(1)
    index.state.entries = index.state.entries.map((entry) => ({ ...entry, id: idOf(7) }))
    expect(await search.byId(idOf(7))).toBeUndefined()
  })

  it.each(['x', 'AAAA', '*'.repeat(32), `${'A'.repeat(32)}=`])('refuses %j as a page token', async (token) => {
    const { search } = await searchOf(decision(0))
    await expect(search.page({}, { token, limit: 1 })).rejects.toThrow(PageTokenRefused)
  })

  it('refuses a page token of another question', async () => {
    const { positions, search } = await searchOf(decision(0), decision(1))
    const { nextPageToken } = await positions({ tool: 'read_file' }, '', 1)
    await expect(search.page({ tool: 'read_file' }, { token: nextPageToken, limit: 1 })).resolves.toBeDefined()
    await expect(search.page({}, { token: nextPageToken, limit: 1 })).rejects.toThrow(PageTokenRefused)
    await expect(search.page({ principal: 'read_file' }, { token: nextPageToken, limit: 1 })).rejects.toThrow(
      PageTokenRefused,
    )
  })
})

describe('a page token', () => {
  it('gives back its position for its own log and question only', () => {
    const filter: fc.Arbitrary<IndexFilter> = fc.record(
      { tool: fc.string(), principal: fc.string(), sinceMs: fc.nat() },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.maxSafeNat(), filter, filter, (before, mine, other) => {
        const token = formatPageToken(before, ORIGIN, mine)
        expect(parsePageToken(token, ORIGIN, mine)).toBe(before)
        expect(parsePageToken(token, 'log.example/2', mine)).toBeUndefined()
        const same =
          JSON.stringify([mine.tool, mine.principal, mine.sinceMs]) ===
          JSON.stringify([other.tool, other.principal, other.sinceMs])
        if (!same) expect(parsePageToken(token, ORIGIN, other)).toBeUndefined()
      }),
    )
  })

  it('beyond what a position can be is none', () => {
    const bytes = Buffer.from(formatPageToken(0, ORIGIN, {}), 'base64url')
    bytes.writeBigUInt64BE(2n ** 53n, 0)
    expect(parsePageToken(bytes.toString('base64url'), ORIGIN, {})).toBeUndefined()
    bytes.writeBigUInt64BE(2n ** 53n - 1n, 0)
    expect(parsePageToken(bytes.toString('base64url'), ORIGIN, {})).toBe(Number.MAX_SAFE_INTEGER)
  })
})
