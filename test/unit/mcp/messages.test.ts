import {
  attachReceipt,
  denialResult,
  discloseIdentity,
  EVIDENCE_META_NAME,
  filterListing,
  isHandshake,
  isModern,
  isRequest,
  isResult,
  kindOf,
  listedTools,
  type McpRequest,
  metaOf,
  plainMessage,
  receiptFrom,
  toolCallOf,
  wantsProof,
} from '@capiscio/proto/mcp'
import { describe, expect, it } from 'vitest'

const request = (params?: unknown, method = 'tools/call'): McpRequest => ({ jsonrpc: '2.0', id: 1, method, params })

describe('a message', () => {
  it.each([
    [{ id: 1, method: 'ping' }, 'request'],
    [{ id: 'a', method: 'ping', params: {} }, 'request'],
    [{ id: '', method: 'ping' }, 'request'],
    [{ id: 0.5, method: 'ping' }, 'request'],
    [{ id: Number.MAX_SAFE_INTEGER, method: 'ping' }, 'request'],
    [{ method: 'notifications/cancelled' }, 'notification'],
    [{ id: 1, result: {} }, 'reply'],
    [{ id: 1, result: null }, 'reply'],
    [{ id: 1, error: { code: -32601 } }, 'reply'],
    [{ id: null, error: { code: -32700 } }, 'reply'],
    // Ids that are none, or that JSON readers round.
    [{ id: null, method: 'ping' }, undefined],
    [{ id: true, method: 'ping' }, undefined],
    [{ id: [1], method: 'ping' }, undefined],
    [{ id: { a: 1 }, method: 'ping' }, undefined],
    [{ id: Number.POSITIVE_INFINITY, method: 'ping' }, undefined],
    [{ id: Number.NaN, method: 'ping' }, undefined],
    [{ id: 2 ** 53, method: 'ping' }, undefined],
    [{ id: -(2 ** 53), method: 'ping' }, undefined],
    [{ id: null, result: {} }, undefined],
    [{ result: {} }, undefined],
    [{ id: 2 ** 53, result: {} }, undefined],
    // Two things at once.
    [{ id: 1, method: 'tools/call', result: {} }, undefined],
    [{ id: 1, method: 'tools/call', error: null }, undefined],
    [{ id: 1, result: {}, error: {} }, undefined],
    [{ id: 1, result: {}, params: {} }, undefined],
    // Methods that are none.
    [{ id: 1, method: ['tools/call'] }, undefined],
    [{ id: 1, method: null }, undefined],
    [{ id: 1, method: null, result: {} }, undefined],
    [{ id: 1 }, undefined],
    [{}, undefined],
  ])('%o is told apart', (message, kind) => {
    expect(kindOf(message)).toBe(kind)
    expect(isRequest(message)).toBe(kind === 'request')
  })

  it.each([
    [{ id: 1, result: {} }, true],
    [{ id: 1, result: 'x' }, false],
    [{ id: 1, error: {} }, false],
    [{ id: 1, method: 'x', result: {} }, false],
  ])('%o is a result: %s', (message, expected) => {
    expect(isResult(message)).toBe(expected)
  })

  it('is passed on with the members of JSON-RPC alone, whatever else it brought', () => {
    const message = JSON.parse('{"id":1,"method":"ping","Method":"tools/call","params":{},"__proto__":{"x":1},"ID":2}')
    expect(JSON.stringify(plainMessage(message))).toBe('{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}')
    expect(plainMessage({ id: 'a', result: null })).toEqual({ jsonrpc: '2.0', id: 'a', result: null })
    expect(plainMessage({ id: null, error: { code: 1 } })).toEqual({ jsonrpc: '2.0', id: null, error: { code: 1 } })
    expect(plainMessage({ method: 'notifications/x' })).toEqual({ jsonrpc: '2.0', method: 'notifications/x' })
  })

  it('names the tool that it calls, with its arguments', () => {
    expect(toolCallOf(request({ name: 'read', arguments: { a: 1 } }))).toEqual({ name: 'read', arguments: { a: 1 } })
    expect(toolCallOf(request({ name: 'read' }))).toEqual({ name: 'read', arguments: undefined })
    for (const params of [undefined, null, [], {}, { name: 7 }, { name: '' }, Object.create({ name: 'read' })]) {
      expect(toolCallOf(request(params))).toBeUndefined()
    }
    expect(toolCallOf(request({ name: 'read', task: {}, title: 'Name' }))?.name).toBe('read')
    for (const twin of ['Name', 'NAME', 'name ', 'ｎame', 'argumentſ', 'Arguments', '_META']) {
      expect(toolCallOf(request({ name: 'read', [twin]: 'write' }))).toBeUndefined()
    }
    expect(toolCallOf(request({ name: 'read' }, 'tools/list'))).toBeUndefined()
    for (const twin of ['name\0', 'na\u200bme', 'n ame', 'arg\u00aduments']) {
      expect(toolCallOf(request({ name: 'read', [twin]: 'write' }))).toBeUndefined()
    }
  })

  it('names a tool by text that every reader takes for the same', () => {
    for (const name of ['read\0', 'read\n', '\u009f', 'read\ud800', '\udc00read', '']) {
      expect(toolCallOf(request({ name }))).toBeUndefined()
      expect(listedTools({ tools: [{ name }, { name: 'a' }] })).toEqual(['a'])
      expect(filterListing({ tools: [{ name }] }, () => true)).toEqual({ tools: [] })
    }
    for (const name of ['read file', 'lésen', '\u{1f600}', '__proto__', 'read_*']) {
      expect(toolCallOf(request({ name }))?.name).toBe(name)
      expect(listedTools({ tools: [{ name }] })).toEqual([name])
    }
  })

  it('belongs to the modern era when it carries its protocol version', () => {
    expect(isModern(request({ _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }))).toBe(true)
    expect(isModern(request({ _meta: { 'io.modelcontextprotocol/protocolVersion': 7 } }))).toBe(false)
    expect(isModern(request({ _meta: {} }))).toBe(false)
    expect(isModern(request())).toBe(false)
  })

  it('has an empty _meta where there is none that is an object', () => {
    for (const params of [undefined, 'x', {}, { _meta: null }, { _meta: [] }])
      expect(metaOf(request(params))).toEqual({})
  })
})

describe('a handshake', () => {
  it('is initialize or server/discover and nothing else', () => {
    expect(['initialize', 'server/discover', 'ping', 'tools/list'].map(isHandshake)).toEqual([true, true, false, false])
  })

  it('discloses the identity in both spellings beside what was there', () => {
    const result = {
      serverInfo: { name: 's' },
      _meta: { 'com.example/x': 1, capiscio_server_did: 'did:web:inner.example' },
    }
    expect(discloseIdentity(result, { serverDid: 'did:web:a.example', serverBadge: 'badge' })).toEqual({
      serverInfo: { name: 's' },
      _meta: {
        'com.example/x': 1,
        capiscio_server_did: 'did:web:a.example',
        'io.capisc/server-did': 'did:web:a.example',
        capiscio_server_badge: 'badge',
        'io.capisc/server-badge': 'badge',
      },
    })
  })

  it('is not cached when it carries a proof', () => {
    const pop = { signature: 's', boundSignature: 'b', signedAt: 1 }
    const modern = { ttlMs: 60_000, cacheScope: 'public' }
    expect(discloseIdentity(modern, { serverDid: 'd', pop })).toMatchObject({
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { capiscio_pop_signature: 's', 'io.capisc/pop-bound-signature': 'b', capiscio_pop_signed_at: 1 },
    })
    expect(discloseIdentity(modern, { serverDid: 'd' })).toMatchObject(modern)
    expect(discloseIdentity({}, { serverDid: 'd', pop })).not.toHaveProperty('ttlMs')
  })
})

describe('a denial', () => {
  const denied = {
    code: 'TOOL_TRUST_INSUFFICIENT',
    reason: 'TRUST_INSUFFICIENT',
    message: 'Needs level 3.',
    evidenceId: 'e-1',
  } as const

  it('is a tool error with reason and record, complete in the modern era', () => {
    const legacy = {
      isError: true,
      content: [{ type: 'text', text: 'Denied: TRUST_INSUFFICIENT. Needs level 3.' }],
      _meta: {
        'io.capisc/denial': { code: 'TOOL_TRUST_INSUFFICIENT', reason: 'TRUST_INSUFFICIENT', evidenceId: 'e-1' },
      },
    }
    expect(denialResult(denied, false)).toEqual(legacy)
    expect(denialResult(denied, true)).toEqual({ ...legacy, resultType: 'complete' })
  })

  it('says nothing of a record that could not be written', () => {
    const result = denialResult({ ...denied, evidenceId: undefined }, false)
    expect(result._meta).toEqual({ 'io.capisc/denial': { code: denied.code, reason: denied.reason } })
  })
})

describe('a receipt', () => {
  const receipt = { evidenceId: 'e-1', logOrigin: 'log.example/1', leafIndex: '9007199254740993' }
  const decision = { ...receipt, leafIndex: 9_007_199_254_740_993n }

  it('is added beside what was there, and never over it', () => {
    const result = { content: [], _meta: { 'com.example/x': 1 } }
    expect(attachReceipt(result, decision)).toEqual({
      content: [],
      _meta: { 'com.example/x': 1, [EVIDENCE_META_NAME]: receipt },
    })
    const taken = { _meta: { [EVIDENCE_META_NAME]: 'theirs' } }
    expect(attachReceipt(taken, decision)).toEqual(taken)
    expect(receiptFrom(attachReceipt(result, decision, 'p'))).toEqual({ ...receipt, proof: 'p' })
  })

  it.each(['evidenceId', 'logOrigin', 'leafIndex'] as const)('is not given for a decision without %s', (name) => {
    const result = { content: [] }
    expect(attachReceipt(result, { ...decision, [name]: undefined } as typeof decision, 'p')).toBe(result)
  })

  it.each([
    {},
    { _meta: {} },
    { _meta: { [EVIDENCE_META_NAME]: 'x' } },
    { _meta: { [EVIDENCE_META_NAME]: { ...receipt, leafIndex: 7 } } },
    { _meta: { [EVIDENCE_META_NAME]: { ...receipt, leafIndex: '07' } } },
  ])('is not read from %o', (result) => {
    expect(receiptFrom(result)).toBeUndefined()
  })

  it('comes with its proof only when asked for', () => {
    expect(wantsProof({ 'io.capisc/want-proof': true })).toBe(true)
    expect([{ 'io.capisc/want-proof': 'yes' }, {}, undefined, null, [true]].map(wantsProof)).toEqual(
      Array(5).fill(false),
    )
    expect(wantsProof(Object.create({ 'io.capisc/want-proof': true }))).toBe(false)
  })
})

describe('a listing', () => {
  const listing = { tools: [{ name: 'a' }, { name: 'b' }, { name: 'a' }, { title: 'no name' }, null], nextCursor: 'n' }

  it('names its tools once each', () => {
    expect(listedTools(listing)).toEqual(['a', 'b'])
    expect(listedTools({ tools: 'x' })).toEqual([])
  })

  it('shows the allowed ones only, and goes on', () => {
    expect(filterListing(listing, (name) => name === 'a')).toEqual({
      tools: [{ name: 'a' }, { name: 'a' }],
      nextCursor: 'n',
    })
  })

  it('is private where it could be cached', () => {
    expect(filterListing({ tools: [], ttlMs: 1, cacheScope: 'public' }, () => true)).toEqual({
      tools: [],
      ttlMs: 1,
      cacheScope: 'private',
    })
  })
})
