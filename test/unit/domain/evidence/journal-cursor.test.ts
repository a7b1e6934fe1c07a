import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createJournalCursor } from '../../../../core/src/domain/evidence/journal-cursor.ts'
import { createMemoryJournal, type MemoryJournal } from '../../../fakes/memory-journal.ts'
import { encodeBatch, entry, writtenJournal } from './test-log.ts'
import { utf8 } from './worked-example.ts'

const cursorOf = (disk: MemoryJournal, from = 0) => createJournalCursor(async () => disk.segments(), from)

/** The runs that a cursor gives on its way to an index, and what it throws at the end, if anything. */
async function readTo(cursor: ReturnType<typeof cursorOf>, to: number) {
  const runs: (readonly Uint8Array[])[] = []
  let thrown: unknown
  try {
    for await (const run of cursor.read(to)) runs.push(run)
  } catch (error) {
    thrown = error
  }
  return { runs, leaves: runs.flat(), thrown }
}

const entries = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => entry(from + i))

describe('a cursor over a journal', () => {
  it('gives every entry once and in order, wherever it starts and stops', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.array(fc.nat(100), { maxLength: 4 }),
        async (batches, segmentBytes, stops) => {
          const disk = await writtenJournal(batches, { segmentBytes })
          const size = batches.reduce((sum, count) => sum + count, 0)
          const [from = 0, ...ends] = [...stops.map((stop) => stop % (size + 1)), size].toSorted((a, b) => a - b)
          const cursor = cursorOf(disk, from)
          let at = from
          for (const end of ends) {
            const { leaves, thrown } = await readTo(cursor, end)
            expect([thrown, cursor.next]).toEqual([undefined, end])
            expect(leaves).toEqual(entries(at, end))
            at = end
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('gives at most 256 at once', async () => {
    const disk = await writtenJournal([256, 256, 200])
    const { runs } = await readTo(cursorOf(disk, 3), 700)
    expect(runs.map(({ length }) => length)).toEqual([256, 256, 185])
  })

  it('reads frames that lie across the end of what is held in memory', async () => {
    const large = Array.from({ length: 40 }, (_, i) => new Uint8Array(60_000 + i).fill(i))
    const bytes = encodeBatch(0, large, utf8('note'))
    const { leaves, thrown } = await readTo(cursorOf(createMemoryJournal([{ firstIndex: 0, bytes }])), 40)
    expect(thrown).toBeUndefined()
    expect(leaves.map((leaf) => [leaf.length, leaf[0]])).toEqual(large.map((leaf) => [leaf.length, leaf[0]]))
  })

  it('goes on with what was written since', async () => {
    const disk = createMemoryJournal([{ firstIndex: 0, bytes: encodeBatch(0, entries(0, 3), utf8('note')) }])
    const cursor = cursorOf(disk)
    expect((await readTo(cursor, 3)).leaves).toEqual(entries(0, 3))
    const journal = disk.open()
    await journal.append(encodeBatch(3, entries(3, 5), utf8('note')))
    await journal.startSegment(5)
    await journal.append(encodeBatch(5, entries(5, 6), utf8('note')))
    expect((await readTo(cursor, 6)).leaves).toEqual(entries(3, 6))
  })

  const whole = encodeBatch(0, entries(0, 3), utf8('note'))
  const lastEntry = encodeBatch(0, entries(0, 2), utf8('')).length - 9
  const content = lastEntry + 17
  it.each([
    ['a byte is changed', whole.with(content, 0)],
    ['the end is missing', whole.slice(0, content + 3)],
    ['another entry follows', Uint8Array.of(...whole.slice(0, lastEntry), ...encodeBatch(9, [entry(9)], utf8('n')))],
    ['an earlier one follows', Uint8Array.of(...whole.slice(0, lastEntry), ...encodeBatch(1, [entry(1)], utf8('n')))],
  ])('gives the entries before it where %s, and then refuses with the index', async (_, bytes) => {
    const { leaves, thrown } = await readTo(cursorOf(createMemoryJournal([{ firstIndex: 0, bytes }])), 3)
    expect(leaves).toEqual(entries(0, 2))
    expect(thrown).toMatchObject({ code: 'JOURNAL_DAMAGED', index: 2 })
  })

  it('refuses when the journal ends too early', async () => {
    const disk = await writtenJournal([3])
    expect((await readTo(cursorOf(disk), 4)).thrown).toMatchObject({ code: 'JOURNAL_DAMAGED', index: 3 })
    expect((await readTo(cursorOf(createMemoryJournal()), 1)).thrown).toMatchObject({ index: 0 })
    expect(await readTo(cursorOf(createMemoryJournal()), 0)).toMatchObject({ leaves: [], thrown: undefined })
  })
})
