import { encodeBase64url } from '../../lib/base64url.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import { BADGE_TTL } from './badge-terms.ts'

/** A key that the registry signs badges with. */
export interface CaKey {
  readonly kid: string
  readonly signer: Ed25519Signer
  /** From then on badges are signed with it, until a newer key becomes active. Published at once. */
  readonly activeFromMs: number
}

/**
 * How long before its first use a new key is published: twice what verifiers may keep the
 * key set for.
 */
export const CA_KEY_LEAD_MS = 2 * 300_000

/** How long a key stays published after its last use: the life of the longest badge, and tolerated clocks. */
export const CA_KEY_DRAIN_MS = BADGE_TTL.max * 1000 + 120_000

/** What the keys of a registry are for at one moment. */
export interface CaKeyRoles {
  readonly signing: CaKey
  /** In the key set: waiting, in use, or with badges that still live. Newest first. */
  readonly published: readonly CaKey[]
}

/**
 * Decides what each key is for. The newest active key signs; where none is active yet the
 * oldest does, because the wall clock was set back and not signing would stop everybody.
 *
 * @throws {TypeError} without keys
 */
export function decideCaKeyRoles(keys: readonly CaKey[], nowMs: number): CaKeyRoles {
  const newestFirst = keys.toSorted((a, b) => b.activeFromMs - a.activeFromMs)
  const signing = newestFirst.find(({ activeFromMs }) => activeFromMs <= nowMs) ?? newestFirst.at(-1)
  if (signing === undefined) throw new TypeError('A registry needs a key')
  const published = newestFirst.filter((_key, index) => {
    const successor = newestFirst[index - 1]
    return successor === undefined || nowMs < successor.activeFromMs + CA_KEY_DRAIN_MS
  })
  return { signing, published }
}

/** The key set as verifiers get it (registry.md §6.1). */
export function toJwks(keys: readonly CaKey[]): object {
  return {
    keys: keys.map(({ kid, signer }) => ({
      kty: 'OKP',
      crv: 'Ed25519',
      kid,
      x: encodeBase64url(signer.publicKey),
      use: 'sig',
      alg: 'EdDSA',
    })),
  }
}
