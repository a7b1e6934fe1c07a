import { describe, expect, it } from 'vitest'
import type { TrustRecords } from '../../core/src/ports/trust-records.ts'

/** One place of records, as several processes see it. */
export interface TrustRecordsHarness {
  /** Opens the place anew; what one view changes, all see. */
  open(): TrustRecords
  /** Puts a file of the older layout there. */
  plantOlder(name: string, text: string): Promise<void>
}

const ISSUER = `issuers/${'a1'.repeat(32)}`
const AGENT = `agents/${'0f'.repeat(32)}`

/** What every place of trust records promises. */
export function describeTrustRecords(name: string, create: () => Promise<TrustRecordsHarness>): void {
  describe(`${name} as trust records`, () => {
    it('begins empty', async () => {
      const { open } = await create()
      expect(await open().list()).toMatchObject({ records: [], olderFiles: [], takenOver: false, unreadable: [] })
    })

    it('keeps each text under its name, in the order of names', async () => {
      const { open } = await create()
      const records = open()
      expect(await records.create(ISSUER, 'one ✓')).toBe(true)
      expect(await records.create(AGENT, 'two')).toBe(true)
      for (const view of [records, open()]) {
        expect((await view.list()).records).toEqual([
          { name: AGENT, text: 'two' },
          { name: ISSUER, text: 'one ✓' },
        ])
      }
    })

    it('never replaces a text', async () => {
      const { open } = await create()
      await open().create(ISSUER, 'first')
      expect(await open().create(ISSUER, 'second')).toBe(false)
      expect((await open().list()).records).toEqual([{ name: ISSUER, text: 'first' }])
    })

    it('lets one of many that want a name have it, whole', async () => {
      const { open } = await create()
      const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(1000))
      const got = await Promise.all(texts.map((text) => open().create(ISSUER, text)))
      expect(got.filter(Boolean)).toHaveLength(1)
      expect((await open().list()).records).toEqual([{ name: ISSUER, text: texts[got.indexOf(true)] }])
    })

    it('keeps all of many that want different names at the same time', async () => {
      const { open } = await create()
      const names = Array.from({ length: 20 }, (_, index) => `agents/${index.toString(16).padStart(64, '0')}`)
      await Promise.all(names.map((one) => open().create(one, one)))
      expect((await open().list()).records.map((record) => record.name)).toEqual(names)
    })

    it('removes a text once', async () => {
      const { open } = await create()
      await open().create(ISSUER, 'one')
      await open().create(AGENT, 'two')
      expect(await open().remove(ISSUER)).toBe(true)
      expect(await open().remove(ISSUER)).toBe(false)
      expect((await open().list()).records).toEqual([{ name: AGENT, text: 'two' }])
      expect(await open().create(ISSUER, 'again')).toBe(true)
    })

    it('removes nothing where nothing ever was', async () => {
      const { open } = await create()
      expect(await open().remove(ISSUER)).toBe(false)
    })

    it('has the same version until something changes, and another after every change', async () => {
      const { open, plantOlder } = await create()
      const records = open()
      const versions = new Set<string>()
      const changes = [
        async () => {},
        () => records.create(ISSUER, 'one'),
        () => records.create(AGENT, 'two'),
        () => plantOlder('a.jwk', '{}'),
        () => records.markTakenOver(),
        () => records.remove(ISSUER),
      ]
      for (const change of changes) {
        await change()
        const { version } = await records.list()
        expect((await records.list()).version).toBe(version)
        versions.add(version)
      }
      expect(versions.size).toBe(changes.length)
    })

    it('shows files of the older layout apart, and remembers that they were taken over', async () => {
      const { open, plantOlder } = await create()
      await plantOlder('issuers.json', '{"https://a.example":["k"]}')
      await plantOlder('k.jwk', '{"kty":"OKP"}')
      const older = [
        { name: 'issuers.json', text: '{"https://a.example":["k"]}' },
        { name: 'k.jwk', text: '{"kty":"OKP"}' },
      ]
      expect(await open().list()).toMatchObject({ records: [], olderFiles: older, takenOver: false })
      await open().markTakenOver()
      await open().markTakenOver()
      expect(await open().list()).toMatchObject({ records: [], olderFiles: older, takenOver: true })
    })

    it.each([
      '',
      'issuers/..',
      'issuers/../../x',
      `other/${'a1'.repeat(32)}`,
      `issuers/${'A1'.repeat(32)}`,
      'taken-over',
    ])('takes %j for a mistake of its caller', async (bad) => {
      const { open } = await create()
      await expect(open().create(bad, 'x')).rejects.toThrow(TypeError)
      await expect(open().remove(bad)).rejects.toThrow(TypeError)
      expect((await open().list()).records).toEqual([])
    })
  })
}
