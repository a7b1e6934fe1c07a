import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RevocationStore } from '../../core/src/ports/revocation-store.ts'

export interface StoreUnderTest {
  /** The same place, as a process finds it that starts now. */
  reopen(): RevocationStore
}

const ISSUER = 'https://registry.example.com'

const pack = (...numbers: number[]): Uint8Array => {
  const bytes = new Uint8Array(numbers.length * 16)
  for (const [at, n] of numbers.entries()) new DataView(bytes.buffer).setUint32(at * 16 + 12, n)
  return bytes
}

async function load(store: RevocationStore, issuer = ISSUER) {
  const numbers: number[] = []
  const state = await store.load(issuer, (ids) => {
    const view = new DataView(ids.buffer, ids.byteOffset, ids.length)
    for (let at = 12; at < ids.length; at += 16) numbers.push(view.getUint32(at))
  })
  return { numbers, state }
}

/** What every store of revocations does. */
export function revocationStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the contract of RevocationStore`, () => {
    it('has nothing of an issuer that was never saved', async () => {
      expect(await load((await open()).reopen())).toEqual({ numbers: [], state: undefined })
    })

    it('gives back what was saved, for each issuer its own', async () => {
      const { reopen } = await open()
      const store = reopen()
      const state = { syncedAtMs: 1_000, others: ['x'], disabledSubjects: ['did:web:a.example'] }
      await store.save(ISSUER, { all: [pack(1, 2), pack(3)] }, state)
      await store.save('https://other.example', { all: [] }, { syncedAtMs: 2_000, others: [] })
      expect(await load(reopen())).toEqual({ numbers: [1, 2, 3], state: expect.objectContaining(state) })
      expect(await load(reopen(), 'https://other.example')).toMatchObject({ numbers: [], state: { syncedAtMs: 2_000 } })
    })

    it('agrees with a list after any sequence of additions, replacements and restarts', async () => {
      const step = fc.oneof(
        fc.record({ add: fc.array(fc.nat(), { maxLength: 5 }) }),
        fc.record({ replace: fc.array(fc.nat(), { maxLength: 5 }) }),
        fc.constant({ restart: true }),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const { reopen } = await open()
          let store = reopen()
          let model: number[] = []
          await store.save(ISSUER, { all: [] }, { syncedAtMs: 0, others: [] })
          for (const [n, one] of steps.entries()) {
            const state = { syncedAtMs: n, others: [] }
            if ('restart' in one) {
              store = reopen()
              expect((await load(store)).numbers).toEqual(model)
            } else if ('add' in one) {
              await store.save(ISSUER, { added: pack(...one.add) }, state)
              model = [...model, ...one.add]
            } else {
              await store.save(ISSUER, { all: one.replace.map((number) => pack(number)) }, state)
              model = one.replace
            }
          }
          expect((await load(reopen())).numbers).toEqual(model)
        }),
        { numRuns: 15 },
      )
    })
  })
}
