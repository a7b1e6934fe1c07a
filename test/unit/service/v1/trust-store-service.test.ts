import { KeyAlgorithm, KeyFormat, TrustStoreService } from '@capiscio/proto/v1'
import { beforeEach, describe, expect, it } from 'vitest'
import { defaultKeyId } from '../../../../core/src/domain/did/key-id.ts'
import { toPublicJwk } from '../../../../core/src/domain/did/key-jwk.ts'
import { toPrivateKeyPem, toPublicKeyPem } from '../../../../core/src/domain/did/key-pem.ts'
import { createTrustStore } from '../../../../core/src/domain/trust/trust-store.ts'
import type { ServiceImplementation } from '../../../../core/src/service/service-implementation.ts'
import { createTrustStoreService } from '../../../../core/src/service/v1/trust-store-service.ts'
import { createMemoryTrustRecords, type MemoryTrustRecords } from '../../../fakes/memory-trust-records.ts'
import { callUnary } from '../../../tools/call-unary.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'
import { fromHex, WEAK_KEYS } from '../../../tools/weak-keys.ts'

const { addKey, removeKey, getKey, listKeys, isTrusted, importFromDirectory, exportToDirectory, clear } =
  TrustStoreService.method
const ISSUER = 'https://a.example'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const jwkBytes = (seed: number, kid = 'ca-1', more: object = {}): Uint8Array =>
  bytes(JSON.stringify({ ...toPublicJwk(sampleKey(seed).publicKey, kid), ...more }))
const der = (pem: string): Uint8Array => new Uint8Array(Buffer.from(pem.split('\n')[1] ?? '', 'base64'))

let records: MemoryTrustRecords
let changes: number
let service: ServiceImplementation

beforeEach(() => {
  records = createMemoryTrustRecords()
  changes = 0
  service = createTrustStoreService({
    store: createTrustStore(records, () => 0),
    changed: async () => void changes++,
    nowMs: () => 1_733_788_800_000,
  })
})

const add = (did: string, publicKey: Uint8Array, format: KeyFormat = KeyFormat.UNSPECIFIED) =>
  callUnary(service, addKey, { did, publicKey, format })

async function all(): Promise<string[]> {
  const { keys } = await callUnary(service, listKeys, {})
  return keys.map(({ did, keyId }) => `${did} ${keyId}`)
}

describe('AddKey', () => {
  const { publicKey, did } = sampleKey(1)
  const pem = toPublicKeyPem(publicKey)
  const unnamed = defaultKeyId(publicKey)

  it.each([
    ['JWK', jwkBytes(1), KeyFormat.JWK, 'ca-1'],
    ['PEM', bytes(pem), KeyFormat.PEM, unnamed],
    ['DER', der(pem), KeyFormat.DER, unnamed],
    ['JWK, not named', jwkBytes(1), KeyFormat.UNSPECIFIED, 'ca-1'],
    ['PEM, not named', bytes(`\n${pem}`.trimStart()), KeyFormat.UNSPECIFIED, unnamed],
    ['DER, not named', der(pem), KeyFormat.UNSPECIFIED, unnamed],
    ['32 raw bytes', publicKey, KeyFormat.UNSPECIFIED, unnamed],
  ])('takes the key of an issuer as %s, and it is trusted when the answer comes', async (_form, key, format, kid) => {
    for (const issuer of ['did:web:a.example', ISSUER]) {
      expect(await add(issuer, key, format)).toMatchObject({ keyId: kid, errorMessage: '' })
    }
    expect(changes).toBe(2)
    expect(await all()).toEqual([`${ISSUER} ${kid}`])
  })

  it('takes an agent by its did:key, with or without the key beside it', async () => {
    const kid = `${did}#${did.slice('did:key:'.length)}`
    expect(await add(did, new Uint8Array())).toMatchObject({ keyId: kid, errorMessage: '' })
    expect(await add(did, publicKey)).toMatchObject({ keyId: kid, errorMessage: '' })
    expect(await all()).toEqual([`${did} ${kid}`])
  })

  it.each<[string, string, Uint8Array, KeyFormat]>([
    ['a private JWK', ISSUER, jwkBytes(1, 'k', { d: 'AAAA' }), KeyFormat.JWK],
    ['a private PEM', ISSUER, bytes(toPrivateKeyPem(new Uint8Array(32).fill(1))), KeyFormat.PEM],
    ['a weak key', ISSUER, fromHex(WEAK_KEYS[0] ?? ''), KeyFormat.UNSPECIFIED],
    ['no key', ISSUER, new Uint8Array(), KeyFormat.UNSPECIFIED],
    ['raw bytes that are called DER', ISSUER, publicKey, KeyFormat.DER],
    ['a JWK that is called PEM', ISSUER, jwkBytes(1), KeyFormat.PEM],
    ['an unknown form', ISSUER, jwkBytes(1), 9 as KeyFormat],
    ['8193 bytes', ISSUER, jwkBytes(1, 'k', { note: 'x'.repeat(8193) }), KeyFormat.JWK],
    ['a JWK that is no JSON', ISSUER, bytes('{'), KeyFormat.JWK],
    ['an agent with the key of another', did, sampleKey(2).publicKey, KeyFormat.UNSPECIFIED],
    ["an agent's did:web", 'did:web:a.example:agents:b', jwkBytes(1), KeyFormat.JWK],
    ['nobody', '', jwkBytes(1), KeyFormat.JWK],
    ['an unsound did:key', 'did:key:z6Mk', new Uint8Array(), KeyFormat.UNSPECIFIED],
    ['a kid with a line break', ISSUER, jwkBytes(1, 'a\nb'), KeyFormat.JWK],
  ])('refuses %s in its own field, and keeps nothing', async (_what, owner, key, format) => {
    const { keyId, errorMessage } = await add(owner, key, format)
    expect(keyId).toBe('')
    expect(errorMessage).not.toBe('')
    expect(records.kept.size).toBe(0)
  })

  it('refuses another key under the same name', async () => {
    await add(ISSUER, jwkBytes(1))
    expect((await add(ISSUER, jwkBytes(2))).errorMessage).toContain('remove that one first')
    expect((await callUnary(service, getKey, { did: ISSUER })).key?.publicKey).toEqual(jwkBytes(1))
  })

  it('says when the store is broken', async () => {
    records.breakDown()
    expect((await add(ISSUER, jwkBytes(1))).errorMessage).toBe('The trust store is broken')
  })
})

describe('GetKey, IsTrusted', () => {
  it('give the key as it was added', async () => {
    await callUnary(service, addKey, { did: 'did:web:a.example', publicKey: jwkBytes(1), metadata: { why: 'tests' } })
    const key = {
      did: ISSUER,
      keyId: 'ca-1',
      algorithm: KeyAlgorithm.ED25519,
      format: KeyFormat.JWK,
      publicKey: jwkBytes(1),
      addedAt: { value: '2024-12-10T00:00:00.000Z' },
      metadata: { why: 'tests' },
    }
    for (const did of [ISSUER, 'did:web:a.example']) {
      expect((await callUnary(service, getKey, { did, keyId: 'ca-1' })).key).toMatchObject(key)
      expect((await callUnary(service, getKey, { did })).key).toMatchObject(key)
      expect(await callUnary(service, isTrusted, { did })).toMatchObject({ isTrusted: true, key })
    }
  })

  it('know what is not there', async () => {
    await add(ISSUER, jwkBytes(1))
    for (const request of [{ did: ISSUER, keyId: 'ca-2' }, { did: 'did:web:b.example' }, { did: 'nonsense' }]) {
      const { key, errorMessage } = await callUnary(service, getKey, request)
      expect(key).toBeUndefined()
      expect(errorMessage).not.toBe('')
    }
    for (const did of ['https://b.example', 'did:web:b.example', sampleKey(1).did, 'nonsense', '']) {
      const answer = await callUnary(service, isTrusted, { did })
      expect([answer.isTrusted, answer.key]).toEqual([false, undefined])
    }
  })

  it('cannot answer while the store is broken', async () => {
    records.breakDown()
    await expect(callUnary(service, isTrusted, { did: ISSUER })).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' })
    expect((await callUnary(service, getKey, { did: ISSUER })).errorMessage).toBe('The trust store is broken')
  })
})

describe('RemoveKey', () => {
  beforeEach(async () => {
    await add(ISSUER, jwkBytes(1, 'a'))
    await add(ISSUER, jwkBytes(2, 'b'))
    await add(sampleKey(3).did, new Uint8Array())
    changes = 0
  })

  it('removes one key, or all of one owner', async () => {
    expect(await callUnary(service, removeKey, { did: ISSUER, keyId: 'a' })).toMatchObject({
      keysRemoved: 1,
      errorMessage: '',
    })
    expect(changes).toBe(1)
    expect(await all()).toHaveLength(2)
    await add(ISSUER, jwkBytes(1, 'a'))
    expect((await callUnary(service, removeKey, { did: 'did:web:a.example' })).keysRemoved).toBe(2)
    expect(await all()).toEqual([expect.stringContaining('did:key:')])
  })

  it('removes nothing that is not there, and says what it cannot read', async () => {
    expect(await callUnary(service, removeKey, { did: ISSUER, keyId: 'c' })).toMatchObject({
      keysRemoved: 0,
      errorMessage: '',
    })
    expect((await callUnary(service, removeKey, { did: '' })).errorMessage).not.toBe('')
    expect(await all()).toHaveLength(3)
  })
})

describe('ListKeys', () => {
  const kids = Array.from({ length: 7 }, (_, index) => `k${index}`)

  async function pages(limit: number): Promise<string[][]> {
    const found: string[][] = []
    for (let cursor = ''; ; ) {
      const { keys, nextCursor, totalCount } = await callUnary(service, listKeys, { limit, cursor })
      expect(totalCount).toBe(7)
      found.push(keys.map(({ keyId }) => keyId))
      if (nextCursor === '') return found
      cursor = nextCursor
    }
  }

  beforeEach(async () => {
    for (const [index, kid] of kids.entries()) await add(ISSUER, jwkBytes(index + 1, kid))
  })

  it('gives every key once, page by page', async () => {
    expect(await pages(3)).toEqual([kids.slice(0, 3), kids.slice(3, 6), kids.slice(6)])
    expect(await pages(7)).toEqual([kids])
    expect(await pages(0)).toEqual([kids])
    expect(await pages(1)).toHaveLength(7)
  })

  it('goes on at its place when a key before it is removed', async () => {
    const { nextCursor } = await callUnary(service, listKeys, { limit: 3 })
    await callUnary(service, removeKey, { did: ISSUER, keyId: 'k2' })
    const { keys } = await callUnary(service, listKeys, { limit: 3, cursor: nextCursor })
    expect(keys.map(({ keyId }) => keyId)).toEqual(['k3', 'k4', 'k5'])
  })

  it('gives those of one owner', async () => {
    await add('https://b.example', jwkBytes(9))
    const { keys, totalCount } = await callUnary(service, listKeys, { didFilter: 'did:web:b.example' })
    expect([keys.map(({ did }) => did), totalCount]).toEqual([['https://b.example'], 1])
  })

  it.each([{ limit: -1 }, { cursor: '=' }, { cursor: 'a' }, { didFilter: 'nonsense' }])(
    'refuses %j',
    async (request) => {
      await expect(callUnary(service, listKeys, request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    },
  )

  it('gives at most a thousand at once', async () => {
    const many = createTrustStore(createMemoryTrustRecords(), () => 0)
    const key = {
      kind: 'issuer' as const,
      issuer: ISSUER,
      publicKey: sampleKey(1).publicKey,
      addedAtMs: 0,
      metadata: new Map(),
    }
    const issuerKeys = Array.from({ length: 1001 }, (_, index) => ({ ...key, kid: String(index).padStart(4, '0') }))
    const look = async () => ({ version: '', issuerKeys, agentKeys: [], problems: [] })
    service = createTrustStoreService({ store: { ...many, look }, changed: async () => {}, nowMs: () => 0 })
    const first = await callUnary(service, listKeys, { limit: 5000 })
    expect(first.keys).toHaveLength(1000)
    expect((await callUnary(service, listKeys, { limit: 5000, cursor: first.nextCursor })).keys).toHaveLength(1)
    expect((await callUnary(service, listKeys, {})).keys).toHaveLength(100)
  })
})

describe('folders of the server', () => {
  it.each(['/etc', '..', './x', '/var/lib/capiscio/trust', '~'])(
    '%s is not read or written for a caller',
    async (directoryPath) => {
      const imported = await callUnary(service, importFromDirectory, { directoryPath, recursive: true })
      expect(imported).toMatchObject({
        keysImported: 0,
        errors: [expect.stringContaining('names no folder of the server')],
      })
      const exported = await callUnary(service, exportToDirectory, { directoryPath })
      expect(exported).toMatchObject({ keysExported: 0, errorMessage: expect.stringContaining('names no folder') })
      expect(changes).toBe(0)
    },
  )

  it.each(['', '.'])('%j takes over the older layout of the store itself', async (directoryPath) => {
    records.olderFiles.set('issuers.json', JSON.stringify({ [ISSUER]: ['k'] }))
    records.olderFiles.set('k.jwk', new TextDecoder().decode(jwkBytes(1, 'k')))
    records.olderFiles.set('bad.jwk', '{}')
    expect(await callUnary(service, importFromDirectory, { directoryPath })).toMatchObject({
      keysImported: 1,
      keysSkipped: 1,
      errors: [expect.stringMatching(/^bad\.jwk: /)],
    })
    expect(changes).toBe(1)
    expect(await all()).toEqual([`${ISSUER} k`])
  })

  it('says when the store is broken', async () => {
    records.breakDown()
    expect((await callUnary(service, importFromDirectory, {})).errors).toEqual(['The trust store is broken'])
  })
})

describe('Clear', () => {
  it('wants to be confirmed', async () => {
    await add(ISSUER, jwkBytes(1))
    await expect(callUnary(service, clear, {})).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'confirm' }],
    })
    expect(await all()).toHaveLength(1)
  })

  it('removes every key, those of the older layout too', async () => {
    await add(sampleKey(2).did, new Uint8Array())
    await add(ISSUER, jwkBytes(1))
    changes = 0
    expect((await callUnary(service, clear, { confirm: true })).keysCleared).toBe(2)
    expect([await all(), changes]).toEqual([[], 1])
    records = createMemoryTrustRecords()
    records.olderFiles.set('a.jwk', new TextDecoder().decode(jwkBytes(3, sampleKey(3).did)))
    service = createTrustStoreService({
      store: createTrustStore(records, () => 0),
      changed: async () => {},
      nowMs: () => 0,
    })
    expect(await all()).toHaveLength(1)
    expect((await callUnary(service, clear, { confirm: true })).keysCleared).toBe(1)
    expect(await all()).toEqual([])
  })
})
