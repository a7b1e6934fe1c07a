import { beforeEach, describe, expect, it } from 'vitest'
import { trustRecordName } from '../../../../core/src/domain/trust/trust-record.ts'
import { createTrustStore, noTrustStore, type TrustStore } from '../../../../core/src/domain/trust/trust-store.ts'
import { type TrustedKey, trustAgentKey, trustIssuerKey } from '../../../../core/src/domain/trust/trusted-key.ts'
import { SourceUnavailable } from '../../../../core/src/ports/source-unavailable.ts'
import { createMemoryTrustRecords, type MemoryTrustRecords } from '../../../fakes/memory-trust-records.ts'
import { rejectionOf } from '../../../tools/refusal.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'

const DETAILS = { addedAtMs: 5, metadata: new Map<string, string>() }
const issuerKey = (kid: string, seed = 1, issuer = 'https://a.example') =>
  trustIssuerKey(issuer, kid, sampleKey(seed).publicKey, DETAILS)
const agentKey = (seed: number) => trustAgentKey(sampleKey(seed).did, DETAILS)

let records: MemoryTrustRecords
let store: TrustStore

beforeEach(() => {
  records = createMemoryTrustRecords()
  store = createTrustStore(records, () => 9)
})

async function kept(): Promise<readonly TrustedKey[]> {
  const { issuerKeys, agentKeys } = await store.look()
  return [...issuerKeys, ...agentKeys]
}

describe('a trust store', () => {
  it('keeps the two kinds apart, by owner and key id', async () => {
    const keys = [issuerKey('b'), issuerKey('a', 2), issuerKey('a', 3, 'https://B.example'), agentKey(4)]
    for (const key of keys) expect(await store.add(key)).toBe(true)
    const { issuerKeys, agentKeys } = await createTrustStore(records, () => 0).look()
    expect(issuerKeys).toEqual([keys[2], keys[1], keys[0]])
    expect(agentKeys).toEqual([keys[3]])
  })

  it('takes the same key twice and keeps the first', async () => {
    await store.add(issuerKey('a'))
    expect(await store.add({ ...issuerKey('a'), addedAtMs: 99 })).toBe(false)
    expect(await kept()).toEqual([issuerKey('a')])
  })

  it('takes no other key under the same issuer and key id', async () => {
    await store.add(issuerKey('a'))
    expect(await rejectionOf(store.add(issuerKey('a', 2)))).toBe('TrustRefused TRUST_KEY_CONFLICT')
    expect(await kept()).toEqual([issuerKey('a')])
    expect(await store.remove(issuerKey('a'))).toBe(true)
    expect(await store.add(issuerKey('a', 2))).toBe(true)
  })

  it('removes one key and no other', async () => {
    const keys = [issuerKey('a'), issuerKey('b'), agentKey(4)] as const
    for (const key of keys) await store.add(key)
    expect(await store.remove(keys[0])).toBe(true)
    expect(await store.remove(keys[0])).toBe(false)
    expect(await kept()).toEqual([keys[1], keys[2]])
  })

  it('names a damaged record and counts the others', async () => {
    await store.add(issuerKey('a'))
    await store.add(issuerKey('b'))
    const name = trustRecordName(issuerKey('a'))
    records.kept.set(name, '{}')
    expect(await store.look()).toMatchObject({ issuerKeys: [{ kid: 'b' }], problems: [{ name }] })
    expect(await rejectionOf(store.add(issuerKey('a')))).toBe('TrustRefused TRUST_RECORD_MALFORMED')
    expect(await store.remove(issuerKey('a'))).toBe(true)
    expect(await store.add(issuerKey('a'))).toBe(true)
  })

  it('says what could not be read', async () => {
    const unreadable = [{ name: 'issuers/x', reason: 'broken' }]
    const list = async () => ({ ...(await records.list()), unreadable })
    expect((await createTrustStore({ ...records, list }, () => 0).look()).problems).toEqual(unreadable)
  })

  it('reads again only what changed', async () => {
    await store.add(issuerKey('a'))
    const before = await store.look()
    expect(await store.look()).toBe(before)
    await store.add(issuerKey('b'))
    expect(await store.look()).not.toBe(before)
  })

  it('passes on that its place is unavailable', async () => {
    records.breakDown()
    for (const act of [store.look(), store.add(issuerKey('a')), store.remove(issuerKey('a')), store.takeOver()]) {
      expect(await rejectionOf(act)).toBe('SourceUnavailable')
    }
  })
})

describe('the older layout', () => {
  const { x, did } = sampleKey(6)
  const old = { kty: 'OKP', crv: 'Ed25519', x, kid: 'old' }

  beforeEach(() => {
    records.olderFiles.set('issuers.json', '{"https://a.example":["old"]}')
    records.olderFiles.set('old.jwk', JSON.stringify(old))
  })

  const kids = async (): Promise<string[]> => (await kept()).map(({ kid }) => kid)

  it('counts before the first change, as added at the time of the look', async () => {
    expect(await kept()).toEqual([{ ...issuerKey('old', 6), addedAtMs: 9 }])
    expect(records.kept.size).toBe(0)
  })

  it('is taken over by the first change, and its files count no more', async () => {
    await store.add(issuerKey('new'))
    expect(await kids()).toEqual(['new', 'old'])
    expect(records.kept.size).toBe(2)
    records.olderFiles.set('agent.jwk', JSON.stringify({ ...old, kid: did }))
    expect(await kids()).toEqual(['new', 'old'])
  })

  it('does not bring back a key that was removed, not even as the first change', async () => {
    expect(await store.remove(issuerKey('old', 6))).toBe(true)
    expect(await kids()).toEqual([])
  })

  it('gives way to a key that was pinned anew', async () => {
    await records.markTakenOver()
    await store.add(issuerKey('old', 1))
    expect(await store.takeOver()).toMatchObject({ added: 0, present: 0, problems: [{ name: 'old' }] })
    expect((await kept())[0]?.publicKey).toEqual(sampleKey(1).publicKey)
  })

  it('is taken over again when asked to', async () => {
    expect(await store.takeOver()).toEqual({ added: 1, present: 0, problems: [] })
    expect(await store.takeOver()).toEqual({ added: 0, present: 1, problems: [] })
    records.olderFiles.set('agent.jwk', JSON.stringify({ ...old, kid: did }))
    records.olderFiles.set('bad.jwk', '{}')
    expect(await store.takeOver()).toMatchObject({ added: 1, present: 1, problems: [{ name: 'bad.jwk' }] })
    expect(await kids()).toHaveLength(2)
  })

  it('counts until every key of it was taken over, also where that was interrupted', async () => {
    const markTakenOver = async () => {
      throw new Error('power cut')
    }
    await createTrustStore({ ...records, markTakenOver }, () => 9)
      .takeOver()
      .catch(() => undefined)
    expect((await records.list()).takenOver).toBe(false)
    expect(await kids()).toEqual(['old'])
  })

  it('counts on where a key of it could not be kept', async () => {
    const create = () => Promise.reject(new SourceUnavailable('disk full'))
    const full = createTrustStore({ ...records, create }, () => 9)
    expect(await rejectionOf(full.takeOver())).toBe('SourceUnavailable')
    expect(await rejectionOf(full.remove(issuerKey('old', 6)))).toBe('SourceUnavailable')
    expect((await records.list()).takenOver).toBe(false)
    expect(await kids()).toEqual(['old'])
  })

  it('names what is wrong with it until it was taken over', async () => {
    records.olderFiles.set('bad.jwk', '{}')
    expect((await store.look()).problems).toMatchObject([{ name: 'bad.jwk' }])
    await store.add(issuerKey('new'))
    expect((await store.look()).problems).toEqual([])
  })
})

describe('without a trust store', () => {
  it('nothing is pinned and nothing can be', async () => {
    expect(await noTrustStore.look()).toMatchObject({ issuerKeys: [], agentKeys: [], problems: [] })
    for (const act of [
      () => noTrustStore.add(issuerKey('a')),
      () => noTrustStore.remove(issuerKey('a')),
      () => noTrustStore.takeOver(),
    ]) {
      expect(await rejectionOf(act())).toBe('SourceUnavailable')
    }
  })
})
