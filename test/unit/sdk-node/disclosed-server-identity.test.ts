import { describe, expect, it } from 'vitest'
import { parseHttpHeaders, parseJsonRpcMeta } from '../../../sdk-node/src/index.ts'

const DID = 'did:web:mcp.example.com'
const BADGE = 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiIxIn0.c2ln'

describe('parseHttpHeaders', () => {
  it.each<[string, Headers | Record<string, unknown>]>([
    ['Headers', new Headers({ 'Capiscio-Server-DID': DID, 'Capiscio-Server-Badge': BADGE })],
    ['an object as Node gives it', { 'capiscio-server-did': DID, 'capiscio-server-badge': BADGE }],
    ['an object in any case', { 'CAPISCIO-SERVER-DID': DID, 'Capiscio-Server-Badge': BADGE }],
    [
      'the same header twice',
      { 'Capiscio-Server-DID': DID, 'capiscio-server-did': DID, 'capiscio-server-badge': BADGE },
    ],
    ['a list that repeats one value', { 'capiscio-server-did': `${DID}, ${DID}`, 'capiscio-server-badge': BADGE }],
  ])('reads %s', (_, headers) => {
    expect(parseHttpHeaders(headers)).toEqual({ serverDid: DID, serverBadge: BADGE })
  })

  it.each([{}, { 'x-capiscio-server-did': DID }, { 'capiscio-server-did': '' }, { 'capiscio-server-did': 7 }])(
    'finds nothing in %o',
    (headers) => {
      expect(parseHttpHeaders(headers)).toEqual({ serverDid: undefined, serverBadge: undefined })
    },
  )

  it('refuses two headers with different values', () => {
    const evil = 'did:web:evil.example'
    const conflict = expect.objectContaining({ name: 'DisclosureError', code: 'DISCLOSURE_CONFLICT' })
    expect(() => parseHttpHeaders({ 'Capiscio-Server-DID': DID, 'capiscio-server-did': evil })).toThrow(conflict)
    const headers = new Headers({ 'Capiscio-Server-DID': DID })
    headers.append('Capiscio-Server-DID', evil)
    expect(() => parseHttpHeaders(headers)).toThrow(conflict)
  })

  it('is wrongly used with anything else', () => {
    expect(() => parseHttpHeaders('x' as unknown as Headers)).toThrow(TypeError)
  })
})

describe('parseJsonRpcMeta', () => {
  it.each<[string, object]>([
    ['the flat names', { capiscio_server_did: DID, capiscio_server_badge: BADGE }],
    ['the prefixed names', { 'io.capisc/server-did': DID, 'io.capisc/server-badge': BADGE }],
    [
      'both with the same values, among foreign names',
      { capiscio_server_did: DID, 'io.capisc/server-did': DID, capiscio_server_badge: BADGE, 'com.example/x': 1 },
    ],
  ])('reads %s', (_, meta) => {
    expect(parseJsonRpcMeta(meta)).toEqual({ serverDid: DID, serverBadge: BADGE })
  })

  it.each([
    undefined,
    null,
    'x',
    [],
    { capiscio_server_did: 7 },
    { capiscio_server_did: '' },
    Object.create({ capiscio_server_did: DID }),
  ])('finds nothing in %o', (meta) => {
    expect(parseJsonRpcMeta(meta)).toEqual({ serverDid: undefined, serverBadge: undefined })
  })

  it('refuses both spellings with different values', () => {
    const meta = { capiscio_server_did: DID, 'io.capisc/server-did': 'did:web:evil.example' }
    expect(() => parseJsonRpcMeta(meta)).toThrow(expect.objectContaining({ code: 'DISCLOSURE_CONFLICT' }))
  })
})
