import { type KeyStore, KeyStoreRefused, type StoredKey } from '../../core/src/ports/key-store.ts'

/** Keys in memory. */
export function createMemoryKeyStore(): KeyStore {
  const keys = new Map<string, StoredKey>()
  const copy = (key: StoredKey): StoredKey => ({ ...key, publicKey: key.publicKey.slice(), seed: key.seed.slice() })
  return {
    async add(key) {
      if (keys.has(key.id)) throw new KeyStoreRefused('KEY_EXISTS', `A key named ${key.id} is there already.`)
      keys.set(key.id, copy(key))
    },
    async find(id) {
      const key = keys.get(id)
      return key && copy(key)
    },
    async list() {
      const ids = [...keys.keys()].sort()
      return ids.flatMap((id) => {
        const { seed: _, ...info } = copy(keys.get(id) as StoredKey)
        return [info]
      })
    },
    remove: async (id) => keys.delete(id),
  }
}
