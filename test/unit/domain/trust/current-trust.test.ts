import { beforeEach, describe, expect, it } from 'vitest'
import { type CurrentTrust, createCurrentTrust } from '../../../../core/src/domain/trust/current-trust.ts'
import { createTrustStore, type TrustStore } from '../../../../core/src/domain/trust/trust-store.ts'
import { trustAgentKey, trustIssuerKey } from '../../../../core/src/domain/trust/trusted-key.ts'
import { createMemoryIssuerKeys, type MemoryIssuerKeys } from '../../../fakes/memory-issuer-keys.ts'
import { createMemoryTrustRecords, type MemoryTrustRecords } from '../../../fakes/memory-trust-records.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'

const CONFIGURED = 'https://configured.example'
const PINNED = 'https://pinned.example'
const DETAILS = { addedAtMs: 0, metadata: new Map<string, string>() }
const issuerKey = trustIssuerKey(PINNED, 'p', sampleKey(1).publicKey, DETAILS)
const agentKey = trustAgentKey(sampleKey(2).did, DETAILS)
const listed = sampleKey(3).did

let records: MemoryTrustRecords
let store: TrustStore
let issuerKeys: MemoryIssuerKeys
let warnings: string[]
let trust: CurrentTrust

beforeEach(() => {
  records = createMemoryTrustRecords()
  store = createTrustStore(records, () => 0)
  issuerKeys = createMemoryIssuerKeys()
  warnings = []
  trust = createCurrentTrust({
    configuration: { issuers: [CONFIGURED], levelZeroKeys: [listed], acceptLevelZero: false },
    issuerKeys,
    store,
    telemetry: { warning: ({ code, message }) => void warnings.push(`${code} ${message}`) },
  })
})

function trusted(): string[] {
  const issuers = trust.issuers()
  return [
    ...[CONFIGURED, PINNED].filter((issuer) => issuers.trustsIssuer(issuer)),
    ...[listed, agentKey.did].filter((did) => issuers.trustsSelfSigned(did)),
  ]
}

describe('current trust', () => {
  it('is the configuration alone before the first look', () => {
    expect(trusted()).toEqual([CONFIGURED, listed])
  })

  it('gains what is pinned and loses what is removed', async () => {
    await store.add(issuerKey)
    await store.add(agentKey)
    expect(trusted()).toEqual([CONFIGURED, listed])
    await trust.refresh()
    expect(trusted()).toEqual([CONFIGURED, PINNED, listed, agentKey.did])
    expect((await trust.issuerKeys.keySet(PINNED)).jwks).toContain(sampleKey(1).x)
    await store.remove(issuerKey)
    await store.remove(agentKey)
    await trust.refresh()
    expect(trusted()).toEqual([CONFIGURED, listed])
    await expect(trust.issuerKeys.keySet(PINNED)).rejects.toMatchObject({ name: 'SourceUnavailable' })
  })

  it('lets a pinned did:key count only where the request agrees', async () => {
    await store.add(agentKey)
    await trust.refresh()
    expect(trust.issuers().narrow([], false).trustsSelfSigned(agentKey.did)).toBe(false)
    expect(trust.issuers().narrow([], true).trustsSelfSigned(agentKey.did)).toBe(true)
  })

  it('never takes the key of an issuer for one of an agent, or the reverse', async () => {
    await store.add(trustIssuerKey(PINNED, agentKey.did, agentKey.publicKey, DETAILS))
    await trust.refresh()
    expect(trusted()).toEqual([CONFIGURED, PINNED, listed])
  })

  it('drops everything pinned while the store cannot be read, and says so once', async () => {
    await store.add(issuerKey)
    await store.add(agentKey)
    await trust.refresh()
    records.breakDown()
    await trust.refresh()
    await trust.refresh()
    expect(trusted()).toEqual([CONFIGURED, listed])
    expect(trust.pinned().issuerKeys).toEqual([])
    expect(warnings).toEqual(['TRUST_STORE_UNAVAILABLE The trust store is broken'])
    records.repair()
    await trust.refresh()
    expect(trusted()).toEqual([CONFIGURED, PINNED, listed, agentKey.did])
  })

  it('warns of a record that does not count, once for each change', async () => {
    await store.add(issuerKey)
    records.kept.set(`agents/${'00'.repeat(32)}`, '{}')
    await trust.refresh()
    await trust.refresh()
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain(`TRUST_RECORD_IGNORED agents/${'00'.repeat(32)}: The record does not count`)
  })

  it('looks once at a time, so that an older look never follows a newer one', async () => {
    const looks: (() => void)[] = []
    let running = 0
    const slow: TrustStore = {
      ...store,
      async look() {
        expect(++running).toBe(1)
        await new Promise<void>((resolve) => looks.push(resolve))
        running--
        return store.look()
      },
    }
    const configuration = { issuers: [], levelZeroKeys: [], acceptLevelZero: false }
    const waiting = createCurrentTrust({ configuration, issuerKeys, store: slow, telemetry: { warning: () => {} } })
    const both = [waiting.refresh(), waiting.refresh()]
    for (const index of [0, 1]) {
      await new Promise((resolve) => setImmediate(resolve))
      expect(looks).toHaveLength(index + 1)
      looks[index]?.()
    }
    await Promise.all(both)
  })

  it('passes on a fault, and looks again the next time', async () => {
    let broken = true
    const faulty: TrustStore = { ...store, look: () => (broken ? Promise.reject(new Error('bug')) : store.look()) }
    await store.add(issuerKey)
    const configuration = { issuers: [], levelZeroKeys: [], acceptLevelZero: false }
    const current = createCurrentTrust({ configuration, issuerKeys, store: faulty, telemetry: { warning: () => {} } })
    await expect(current.refresh()).rejects.toThrow('bug')
    broken = false
    await current.refresh()
    expect(current.issuers().trustsIssuer(PINNED)).toBe(true)
  })
})
