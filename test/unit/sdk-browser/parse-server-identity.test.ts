import { describe, expect, test } from 'vitest'
import { createCoreClient } from '../../../sdk-browser/src/index.ts'
import { createScriptedFetch } from './scripted-fetch.ts'

const DID = 'did:web:mcp.example.com:servers:files'
const BADGE = 'canary-server-badge'

async function asked(source: unknown): Promise<unknown> {
  const core = createScriptedFetch()
  const client = createCoreClient({ baseUrl: 'http://localhost:50052', fetch: core.fetch })
  await client.parseServerIdentity(source as never)
  return core.identityRequests[0]?.source
}

describe('headers', () => {
  test.each<[what: string, headers: unknown]>([
    ['of a response', new Headers({ 'Capiscio-Server-DID': DID, 'Capiscio-Server-Badge': BADGE })],
    ['in an object', { 'Capiscio-Server-DID': DID, 'Capiscio-Server-Badge': BADGE }],
    ['in an object in another case', { 'capiscio-server-did': DID, 'CAPISCIO-SERVER-BADGE': BADGE, accept: '*' }],
  ])('%s are read', async (_what, headers) => {
    expect(await asked({ headers })).toMatchObject({
      case: 'httpHeaders',
      value: { capiscioServerDid: DID, capiscioServerBadge: BADGE },
    })
  })

  test('that say different things are both sent, so that neither is chosen', async () => {
    expect(
      await asked({ headers: { 'capiscio-server-did': DID, 'Capiscio-Server-DID': 'did:web:evil' } }),
    ).toMatchObject({ value: { capiscioServerDid: `${DID}, did:web:evil`, capiscioServerBadge: '' } })
  })
})

describe('_meta', () => {
  test('gives its four names and nothing else: the rest may hold credentials', async () => {
    const meta = {
      capiscio_server_did: DID,
      'io.capisc/server-did': DID,
      capiscio_server_badge: BADGE,
      'io.capisc/server-badge': 7,
      capiscio_caller_api_key: 'canary-api-key',
      other: { secret: 1 },
    }
    expect(await asked({ meta })).toEqual({
      case: 'jsonrpcMeta',
      value: JSON.stringify({ capiscio_server_did: DID, 'io.capisc/server-did': DID, capiscio_server_badge: BADGE }),
    })
  })

  test('does not inherit', async () => {
    expect(await asked({ meta: Object.create({ capiscio_server_did: DID }) })).toMatchObject({ value: '{}' })
  })
})

describe('the answer', () => {
  test('is what was disclosed, undefined where there was nothing', async () => {
    const core = createScriptedFetch()
    const client = createCoreClient({ baseUrl: 'http://localhost:50052', fetch: core.fetch })
    expect(await client.parseServerIdentity({ meta: {} })).toBeUndefined()
    core.identity = { identity: { serverDid: DID } }
    expect(await client.parseServerIdentity({ meta: {} })).toEqual({ serverDid: DID, serverBadge: undefined })
    core.identity = { identity: { serverDid: DID, serverBadge: BADGE } }
    expect(await client.parseServerIdentity({ meta: {} })).toEqual({ serverDid: DID, serverBadge: BADGE })
  })

  test.each<[what: string, source: object]>([
    ['headers', { headers: { 'capiscio-server-badge': BADGE } }],
    ['_meta', { meta: { 'io.capisc/server-badge': BADGE } }],
  ])('that is an error does not repeat the badge of %s', async (_what, source) => {
    const core = createScriptedFetch()
    const failing = async (input: string | URL | Request, init?: RequestInit) =>
      String(input).endsWith('ParseServerIdentity')
        ? Response.json({ code: 'invalid_argument', message: `${BADGE} is odd` }, { status: 400 })
        : core.fetch(input, init)
    const client = createCoreClient({ baseUrl: 'http://localhost:50052', fetch: failing })
    await expect(client.parseServerIdentity(source as never)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining('[redacted] is odd'),
    })
  })
})

describe('wrong use is a TypeError that asks nothing', () => {
  test.each<[what: string, source: unknown]>([
    ['no source', {}],
    ['both sources', { headers: {}, meta: {} }],
    ['another source', { header: {} }],
    ['a text as _meta', { meta: '{}' }],
    ['a list as _meta', { meta: [] }],
    ['a text as headers', { headers: 'x' }],
    ['nothing', undefined],
  ])('%s', async (_what, source) => {
    const core = createScriptedFetch()
    const client = createCoreClient({ baseUrl: 'http://localhost:50052', fetch: core.fetch })
    await expect(client.parseServerIdentity(source as never)).rejects.toThrow(TypeError)
    await expect(client.parseServerIdentity({ meta: {} }, { timeout: 1 } as never)).rejects.toThrow(TypeError)
    expect(core.calls).toEqual([])
  })
})
