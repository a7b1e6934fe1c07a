import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KeyStore, StoredKey } from '../../core/src/ports/key-store.ts'

/** What every key store promises. */
export interface KeyStoreWorld extends AsyncDisposable {
  readonly store: KeyStore
  /** The same keys as another process sees them. */
  reopen(): KeyStore
}

export const storedKey = (id: string, byte = 1): StoredKey => ({
  id,
  publicKey: new Uint8Array(32).fill(byte),
  seed: new Uint8Array(32).fill(byte + 100),
  createdAtMs: 1_700_000_000_123 + byte,
})

export function describeKeyStore(name: string, open: () => Promise<KeyStoreWorld>): void {
  describe(name, () => {
    it('is empty at first', async () => {
      await using world = await open()
      expect(await world.store.list()).toEqual([])
      expect(await world.store.find('a')).toBeUndefined()
      expect(await world.store.remove('a')).toBe(false)
    })

    it('gives back what it keeps, also to others', async () => {
      await using world = await open()
      await world.store.add(storedKey('one', 1))
      await world.store.add(storedKey('two', 2))
      for (const store of [world.store, world.reopen()]) {
        expect(await store.find('one')).toEqual(storedKey('one', 1))
        expect(await store.find('two')).toEqual(storedKey('two', 2))
        expect(await store.find('on')).toBeUndefined()
      }
    })

    it('lists keys by name and without their private halves', async () => {
      await using world = await open()
      for (const [id, byte] of [
        ['b', 2],
        ['a.x', 3],
        ['_', 4],
      ] as const) {
        await world.store.add(storedKey(id, byte))
      }
      const expected = (['_', 'a.x', 'b'] as const).map((id) => {
        const { seed: _, ...info } = storedKey(id, { _: 4, 'a.x': 3, b: 2 }[id])
        return info
      })
      expect(await world.reopen().list()).toEqual(expected)
    })

    it('never replaces a key', async () => {
      await using world = await open()
      await world.store.add(storedKey('one', 1))
      for (const store of [world.store, world.reopen()]) {
        await expect(store.add(storedKey('one', 9))).rejects.toMatchObject({
          name: 'KeyStoreRefused',
          code: 'KEY_EXISTS',
        })
        expect(await store.find('one')).toEqual(storedKey('one', 1))
      }
    })

    it('keeps one of many that are added under one name at the same time', async () => {
      await using world = await open()
      const bytes = [1, 2, 3, 4, 5, 6, 7, 8]
      const results = await Promise.allSettled(bytes.map((byte) => world.reopen().add(storedKey('one', byte))))
      const added = bytes.filter((_, index) => results[index]?.status === 'fulfilled')
      expect(added).toHaveLength(1)
      expect(await world.store.find('one')).toEqual(storedKey('one', added[0]))
    })

    it('forgets a key that is removed, and then keeps another under its name', async () => {
      await using world = await open()
      await world.store.add(storedKey('one', 1))
      await world.store.add(storedKey('two', 2))
      expect(await world.store.remove('one')).toBe(true)
      expect(await world.store.remove('one')).toBe(false)
      expect(await world.store.find('one')).toBeUndefined()
      await world.store.add(storedKey('one', 3))
      expect(await world.store.find('one')).toEqual(storedKey('one', 3))
      expect(await world.store.find('two')).toEqual(storedKey('two', 2))
    })

    it('keeps nothing of the bytes that it was given or gave', async () => {
      await using world = await open()
      const key = storedKey('one', 1)
      await world.store.add(key)
      key.seed.fill(0)
      ;(await world.store.find('one'))?.seed.fill(0)
      expect(await world.store.find('one')).toEqual(storedKey('one', 1))
    })

    it('takes every name that a key can have', async () => {
      await using world = await open()
      const names = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/)
      await fc.assert(
        fc.asyncProperty(names, fc.uint8Array({ minLength: 32, maxLength: 32 }), async (id, seed) => {
          await world.store.remove(id)
          await world.store.add({ ...storedKey(id), seed })
          expect((await world.store.find(id))?.seed).toEqual(seed)
        }),
        { numRuns: 30 },
      )
    })
  })
}
