import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { checkKeyId } from '../../../../core/src/domain/did/key-id.ts'
import { createKeyMaker, type KeyMaker } from '../../../../core/src/domain/keys/key-maker.ts'
import { KeyRefused } from '../../../../core/src/domain/keys/key-refused.ts'
import type { KeyStore } from '../../../../core/src/ports/key-store.ts'
import { createMemoryKeyStore } from '../../../fakes/memory-key-store.ts'

const NOW_MS = 1_800_000_000_000

/** A maker whose keys come from these bytes, in turn. */
function makerOf(...bytes: readonly number[]): { readonly store: KeyStore; readonly maker: KeyMaker; left(): number } {
  const seeds = bytes.map((byte) => new Uint8Array(32).fill(byte))
  const store = createMemoryKeyStore()
  const random = { bytes: () => seeds.shift() ?? expect.unreachable('no more bytes'), uuid: () => '' }
  const clock = { nowMs: () => NOW_MS, monotonicMs: () => 0 }
  const maker = createKeyMaker({ store, random, clock, createSigner: createNodeEd25519Signer })
  return { store, maker, left: () => seeds.length }
}

describe('a key that is not kept', () => {
  it('is given whole, and nothing of it stays', async () => {
    const { store, maker } = makerOf(1)
    const { seed, publicKey, id, didKey } = await maker.make('', false)
    expect(seed).toEqual(new Uint8Array(32).fill(1))
    expect(publicKey).toEqual(createNodeEd25519Signer(new Uint8Array(32).fill(1)).publicKey)
    expect(id).toMatch(/^key-[A-Za-z0-9_-]{6}$/)
    expect(didKey).toMatch(/^did:key:z6Mk/)
    expect(await store.list()).toEqual([])
  })

  it('may have the name of another one that was not kept', async () => {
    const { maker } = makerOf(1, 2)
    expect((await maker.make('mine', false)).didKey).not.toBe((await maker.make('mine', false)).didKey)
  })

  it('may not have the name of one that is kept', async () => {
    const { maker } = makerOf(1, 2)
    await maker.make('mine', true)
    await expect(maker.make('mine', false)).rejects.toMatchObject({ name: 'KeyRefused', code: 'KEY_ID_TAKEN' })
  })
})

describe('a key that is kept', () => {
  it('is in the store, and its private half is not given', async () => {
    const { store, maker } = makerOf(1)
    const made = await maker.make('mine', true)
    expect(made).not.toHaveProperty('seed')
    expect(await store.find('mine')).toEqual({
      id: 'mine',
      publicKey: made.publicKey,
      seed: new Uint8Array(32).fill(1),
      createdAtMs: NOW_MS,
    })
  })

  it('replaces none', async () => {
    const { store, maker } = makerOf(1, 2)
    await maker.make('mine', true)
    await expect(maker.make('mine', true)).rejects.toMatchObject({ code: 'KEY_ID_TAKEN' })
    expect((await store.find('mine'))?.seed).toEqual(new Uint8Array(32).fill(1))
  })

  it.each([true, false])('and has no name is made anew when its own is taken (keep: %s)', async (keep) => {
    const { store, maker } = makerOf(1, 1, 2)
    const first = await maker.make('', true)
    const second = await maker.make('', keep)
    expect(second.id).not.toBe(first.id)
    expect(await store.list()).toHaveLength(keep ? 2 : 1)
  })

  it('is not tried for ever', async () => {
    const { maker, left } = makerOf(1, 1, 1, 1, 1, 1)
    await maker.make('', true)
    await expect(maker.make('', true)).rejects.toBeInstanceOf(KeyRefused)
    expect(left()).toBe(2)
  })

  it.each(['mine', ''])(
    'is not given, nor tried again, where the store failed for another reason (name: %j)',
    async (id) => {
      let added = 0
      const add = (): Promise<void> => {
        added += 1
        return Promise.reject(new Error('disk'))
      }
      const maker = createKeyMaker({
        store: { ...createMemoryKeyStore(), add },
        random: { bytes: () => new Uint8Array(32), uuid: () => '' },
        clock: { nowMs: () => 0, monotonicMs: () => 0 },
        createSigner: createNodeEd25519Signer,
      })
      await expect(maker.make(id, true)).rejects.toThrow('disk')
      expect(added).toBe(1)
    },
  )
})

describe('the name of a key', () => {
  it.each(['a', '0', '_', 'key-1', 'a.b_c-d', 'a..b', 'a'.repeat(128)])('can be %j', async (id) => {
    expect(checkKeyId(id)).toBeUndefined()
    expect((await makerOf(1).maker.make(id, true)).id).toBe(id)
  })

  it.each(['.', '..', '../a', '.a', '-a', 'a/b', 'a\\b', 'a b', 'a\n', 'a\0', 'ä', 'a:b', '%2e', 'a'.repeat(129)])(
    'cannot be %j, and then no key is made',
    async (id) => {
      const { maker, left, store } = makerOf(1)
      await expect(maker.make(id, true)).rejects.toMatchObject({ code: 'KEY_ID_INVALID' })
      expect([left(), await store.list()]).toEqual([1, []])
    },
  )
})
