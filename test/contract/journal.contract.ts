import { describe, expect, it } from 'vitest'
import type { Journal, JournalRepair, JournalSegment } from '../../core/src/ports/journal.ts'

/** A journal's place, which outlives the journal. */
export interface JournalHarness {
  /** Opens it for writing at the end of its newest segment. */
  open(): Promise<Journal>
  segments(): Promise<readonly JournalSegment[]>
  readonly repair: JournalRepair
  /** What was put to quarantine, oldest first. */
  quarantined(): Promise<readonly Uint8Array[]>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function contents(harness: JournalHarness): Promise<[number, string][]> {
  const segments = await harness.segments()
  return Promise.all(
    segments.map(async ({ firstIndex, size, read }): Promise<[number, string]> => {
      const stored = await read(0, size)
      expect(stored.length).toBe(size)
      return [firstIndex, new TextDecoder().decode(stored)]
    }),
  )
}

/** What every journal promises, whatever it is made of. */
export function describeJournal(name: string, create: () => Promise<JournalHarness>): void {
  describe(`${name} as a journal`, () => {
    it('stores what is appended, in order, in the segment that was started', async () => {
      const harness = await create()
      const journal = await harness.open()
      await journal.startSegment(0)
      await journal.append(bytes('one'))
      await journal.append(bytes('two'))
      await journal.startSegment(12)
      await journal.append(bytes('three'))
      await journal.close()
      expect(await contents(harness)).toEqual([
        [0, 'onetwo'],
        [12, 'three'],
      ])
    })

    it('has what was appended while it is still open', async () => {
      const harness = await create()
      const journal = await harness.open()
      await journal.startSegment(0)
      await journal.append(bytes('one'))
      expect(await contents(harness)).toEqual([[0, 'one']])
      await journal.close()
    })

    it('lists segments by their first index, which may be large', async () => {
      const harness = await create()
      const journal = await harness.open()
      for (const index of [0, 9, 10, 1000, Number.MAX_SAFE_INTEGER]) await journal.startSegment(index)
      await journal.close()
      const segments = await harness.segments()
      expect(segments.map(({ firstIndex }) => firstIndex)).toEqual([0, 9, 10, 1000, Number.MAX_SAFE_INTEGER])
      expect(segments[0]?.name).toBe('journal/00000000000000000000.wal')
      expect(segments[4]?.name).toBe('journal/00009007199254740991.wal')
    })

    it('goes on at the end of the newest segment after it was closed', async () => {
      const harness = await create()
      const first = await harness.open()
      await first.startSegment(0)
      await first.append(bytes('one'))
      await first.close()
      const second = await harness.open()
      await second.append(bytes('two'))
      await second.close()
      expect(await contents(harness)).toEqual([[0, 'onetwo']])
    })

    it('reads any range, fewer bytes at the end, and does not show what came after the listing', async () => {
      const harness = await create()
      const journal = await harness.open()
      await journal.startSegment(0)
      await journal.append(bytes('0123456789'))
      const [segment] = await harness.segments()
      const text = async (offset: number, length: number) =>
        new TextDecoder().decode(await segment?.read(offset, length))
      expect([await text(0, 10), await text(3, 4), await text(8, 10), await text(10, 5)]).toEqual([
        '0123456789',
        '3456',
        '89',
        '',
      ])
      await journal.append(bytes('more'))
      expect(segment?.size).toBe(10)
      await journal.close()
    })

    it('refuses an append before the first segment, and everything after that', async () => {
      const harness = await create()
      const journal = await harness.open()
      await expect(journal.append(bytes('one'))).rejects.toThrow()
      await expect(journal.startSegment(0)).rejects.toThrow()
      await journal.close()
      expect(await contents(harness)).toEqual([])
    })

    it('refuses to start a segment twice, keeps the first, and refuses everything after that', async () => {
      const harness = await create()
      const journal = await harness.open()
      await journal.startSegment(0)
      await journal.append(bytes('one'))
      await expect(journal.startSegment(0)).rejects.toThrow()
      await expect(journal.append(bytes('two'))).rejects.toThrow()
      await expect(journal.startSegment(1)).rejects.toThrow()
      await journal.close()
      expect(await contents(harness)).toEqual([[0, 'one']])
    })

    it('refuses everything after it was closed, which may be done twice', async () => {
      const harness = await create()
      const journal = await harness.open()
      await journal.startSegment(0)
      await journal.close()
      await journal.close()
      await expect(journal.startSegment(1)).rejects.toThrow()
      await expect(journal.append(bytes('one'))).rejects.toThrow()
      expect(await contents(harness)).toEqual([[0, '']])
    })

    it('puts a tail to quarantine and goes on before it', async () => {
      const harness = await create()
      const journal = await harness.open()
      await journal.startSegment(0)
      await journal.append(bytes('good|torn'))
      await journal.close()
      const [segment] = await harness.segments()
      if (segment) await harness.repair.quarantineTail(segment, 5)
      expect(await contents(harness)).toEqual([[0, 'good|']])
      expect(await harness.quarantined()).toEqual([bytes('torn')])
      const again = await harness.open()
      await again.append(bytes('next'))
      await again.close()
      expect(await contents(harness)).toEqual([[0, 'good|next']])
    })

    it('keeps every tail that was ever put to quarantine, also from the same place', async () => {
      const harness = await create()
      for (const [i, tail] of ['first', 'second', 'third'].entries()) {
        const journal = await harness.open()
        if (i === 0) await journal.startSegment(0)
        await journal.append(bytes(tail))
        await journal.close()
        const [segment] = await harness.segments()
        if (segment) await harness.repair.quarantineTail(segment, 0)
      }
      expect(await harness.quarantined()).toEqual([bytes('first'), bytes('second'), bytes('third')])
    })

    it('changes nothing by storing bytes again', async () => {
      const harness = await create()
      const journal = await harness.open()
      await journal.startSegment(0)
      await journal.append(bytes('0123456789'))
      await journal.close()
      const [segment] = await harness.segments()
      if (segment) await harness.repair.storeAgain(segment, 4, 6)
      expect(await contents(harness)).toEqual([[0, '0123456789']])
    })
  })
}
