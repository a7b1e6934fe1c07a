import type { Clock } from '../../ports/clock.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import { type KeyStore, KeyStoreRefused } from '../../ports/key-store.ts'
import type { Random } from '../../ports/random.ts'
import { toDidKey } from '../did/did-key.ts'
import { checkKeyId, defaultKeyId } from '../did/key-id.ts'
import { KeyRefused } from './key-refused.ts'

export interface KeyMakerOptions {
  readonly store: KeyStore
  readonly random: Random
  readonly clock: Clock
  /** A signer for the private key that the 32-byte seed stands for (RFC 8032). */
  readonly createSigner: (seed: Uint8Array) => Ed25519Signer
}

/** A new Ed25519 key pair. */
export interface MadeKey {
  readonly id: string
  readonly didKey: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
  /** Secret. Absent when the store keeps it. */
  readonly seed?: Uint8Array
}

/** Makes key pairs. A private key goes one way: to the caller, or into the store. */
export interface KeyMaker {
  /**
   * @param id attacker-controlled; empty: named for the key itself
   * @param keep put the private key into the store; else it is given and nothing of it stays
   * @throws {KeyRefused} KEY_ID_INVALID; KEY_ID_TAKEN when the store has a key of this name,
   *   also where the new one would not be kept: two keys of one name are sooner or later mistaken
   */
  make(id: string, keep: boolean): Promise<MadeKey>
}

/** Names of six characters can meet by chance; twice in a row they do not. */
const ATTEMPTS = 3

export function createKeyMaker({ store, random, clock, createSigner }: KeyMakerOptions): KeyMaker {
  async function attempt(wanted: string, keep: boolean): Promise<MadeKey> {
    const seed = random.bytes(32)
    const { publicKey } = createSigner(seed)
    const id = wanted === '' ? defaultKeyId(publicKey) : wanted
    const key = { id, publicKey, didKey: toDidKey(publicKey) }
    if (!keep) {
      if ((await store.find(id)) !== undefined) throw taken(id)
      return { ...key, seed }
    }
    try {
      await store.add({ id, publicKey, seed, createdAtMs: clock.nowMs() })
    } catch (cause) {
      if (cause instanceof KeyStoreRefused && cause.code === 'KEY_EXISTS') throw taken(id, cause)
      throw cause
    }
    return key
  }

  return {
    async make(id, keep) {
      const problem = id === '' ? undefined : checkKeyId(id)
      if (problem !== undefined) throw new KeyRefused('KEY_ID_INVALID', problem)
      for (let left = ATTEMPTS; ; left -= 1) {
        try {
          return await attempt(id, keep)
        } catch (refused) {
          if (!(refused instanceof KeyRefused) || id !== '' || left === 1) throw refused
        }
      }
    },
  }
}

function taken(id: string, cause?: unknown): KeyRefused {
  return new KeyRefused('KEY_ID_TAKEN', `A key named ${id} is kept already: choose another name, or remove that key.`, {
    cause,
  })
}
