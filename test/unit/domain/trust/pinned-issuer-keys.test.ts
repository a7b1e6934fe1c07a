import { beforeEach, describe, expect, it } from 'vitest'
import { parseJwks } from '../../../../core/src/domain/trust/jwks.ts'
import { createPinnedIssuerKeys, type PinnedKeys } from '../../../../core/src/domain/trust/pinned-issuer-keys.ts'
import { trustIssuerKey } from '../../../../core/src/domain/trust/trusted-key.ts'
import type { IssuerKeySource } from '../../../../core/src/ports/issuer-keys.ts'
import { createMemoryIssuerKeys, type MemoryIssuerKeys } from '../../../fakes/memory-issuer-keys.ts'
import { rejectionOf } from '../../../tools/refusal.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'

const A = 'https://a.example'
const B = 'https://b.example'
const DETAILS = { addedAtMs: 0, metadata: new Map<string, string>() }

const jwk = (kid: string | undefined, seed: number, more: object = {}) => ({
  kty: 'OKP',
  crv: 'Ed25519',
  kid,
  x: sampleKey(seed).x,
  ...more,
})

let own: MemoryIssuerKeys
let pinned: PinnedKeys
let source: IssuerKeySource

function pin(...pins: readonly (readonly [issuer: string, kid: string, seed: number])[]): void {
  const issuerKeys = pins.map(([issuer, kid, seed]) => trustIssuerKey(issuer, kid, sampleKey(seed).publicKey, DETAILS))
  pinned = { version: JSON.stringify(pins), issuerKeys }
}

beforeEach(() => {
  own = createMemoryIssuerKeys()
  pin()
  source = createPinnedIssuerKeys(own, () => pinned)
})

async function keysOf(issuer: string): Promise<string[]> {
  const { jwks } = await source.keySet(issuer)
  return parseJwks(jwks).map(({ kid, publicKey }) => {
    const seed = [1, 2, 3, 4].find((one) => Buffer.from(sampleKey(one).publicKey).equals(publicKey))
    return `${kid}:${seed}`
  })
}

describe('an issuer without pinned keys', () => {
  it('has its own set, unchanged', async () => {
    own.publish(A, [jwk('a', 1)])
    pin([B, 'b', 2])
    expect(await source.keySet(A)).toEqual(await own.keySet(A))
  })

  it('has none while its set cannot be had', async () => {
    pin([B, 'b', 2])
    expect(await rejectionOf(source.keySet(A))).toBe('SourceUnavailable')
  })
})

describe('an issuer with pinned keys', () => {
  it('has them beside its own, and first', async () => {
    own.publish(A, [jwk('a', 1), jwk(undefined, 4)])
    pin([A, 'p', 2], [B, 'q', 3])
    expect(await keysOf(A)).toEqual(['p:2', 'a:1', 'undefined:4'])
  })

  it('has them alone while its own set cannot be had', async () => {
    pin([A, 'p', 2])
    expect(await keysOf(A)).toEqual(['p:2'])
  })

  it.each(['{', '[]', '{}', '{"keys":5}'])('has them alone where its own set is %s', async (text) => {
    own.publishText(A, text)
    pin([A, 'p', 2])
    expect(await keysOf(A)).toEqual(['p:2'])
  })

  it('has a key once that is in both', async () => {
    own.publish(A, [jwk('p', 2, { use: 'sig', alg: 'EdDSA' }), jwk('a', 1)])
    pin([A, 'p', 2])
    expect(await keysOf(A)).toEqual(['p:2', 'a:1'])
  })

  it('has neither of two keys with one name', async () => {
    own.publish(A, [jwk('p', 1), jwk('a', 3)])
    pin([A, 'p', 2])
    expect(await keysOf(A)).toEqual(['a:3'])
  })

  it('has no key whose private half its set gives away', async () => {
    own.publish(A, [jwk('p', 2, { d: 'AAAA' })])
    pin([A, 'p', 2])
    expect(await keysOf(A)).toEqual([])
  })

  it('keeps entries of kinds that are unknown here', async () => {
    own.publish(A, [{ kty: 'EC', crv: 'P-256', kid: 'e', x: 'x', y: 'y' }])
    pin([A, 'p', 2])
    expect(JSON.parse((await source.keySet(A)).jwks)).toMatchObject({
      keys: [{ kid: 'p' }, { kty: 'EC', kid: 'e', y: 'y' }],
    })
  })

  it('asks its own source for a newer set where a key id is unknown', async () => {
    own.publish(A, [jwk('a', 1)])
    own.publishUnseen(A, [jwk('b', 3)])
    pin([A, 'p', 2])
    await source.freshenFor(A, 'b')
    expect(own.asked).toEqual([`${A}!`])
    expect(await keysOf(A)).toEqual(['p:2', 'b:3'])
  })

  it('has a set of another version when either side changes, and of the same when none does', async () => {
    own.publish(A, [jwk('a', 1)])
    pin([A, 'p', 2])
    const first = await source.keySet(A)
    expect(await source.keySet(A)).toBe(first)
    own.publish(A, [jwk('a', 1), jwk('c', 3)])
    const second = await source.keySet(A)
    pin([A, 'p', 2], [A, 'q', 3])
    const third = await source.keySet(A)
    own.takeAway(A)
    const fourth = await source.keySet(A)
    expect(new Set([first, second, third, fourth].map(({ version }) => version)).size).toBe(4)
    expect(await keysOf(A)).toEqual(['p:2', 'q:3'])
  })

  it('passes on faults', async () => {
    const broken = {
      keySet: () => Promise.reject(new Error('bug')),
      freshenFor: () => Promise.reject(new Error('bug')),
    }
    pin([A, 'p', 2])
    const faulty = createPinnedIssuerKeys(broken, () => pinned)
    await expect(faulty.keySet(A)).rejects.toThrow('bug')
    await expect(faulty.freshenFor(A, 'x')).rejects.toThrow('bug')
  })
})
