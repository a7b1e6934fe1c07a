import { describe, expect, it } from 'vitest'
import { createDidWebDocuments } from '../../../../core/src/domain/did/did-web-documents.ts'
import { SourceUnavailable } from '../../../../core/src/ports/source-unavailable.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { createMemoryWeb, JSON_TYPE, type Page } from '../../../fakes/memory-web.ts'

const DID = 'did:web:agents.example.com:a'
const URL_OF_DID = 'https://agents.example.com/a/did.json'

function world(page?: Page) {
  const http = createMemoryWeb()
  const clock = createFixedClock(0)
  const documents = createDidWebDocuments({
    http,
    clock,
    namespaces: new Map([['https://registry.example.com', 'http://127.0.0.1:8787']]),
    allowLocalhost: false,
  })
  if (page !== undefined) http.pages.set(URL_OF_DID, page)
  return { http, clock, documents, resolve: (did = DID) => documents.resolve(did) }
}

describe('the request for a document', () => {
  it('asks a host of input, within the limits for documents', async () => {
    const { http, resolve } = world({ headers: JSON_TYPE, body: '{}' })
    await resolve()
    expect(http.requests).toEqual([
      {
        url: URL_OF_DID,
        hostFrom: 'input',
        headers: { accept: 'application/json, application/did+json, application/did+ld+json' },
        maxBytes: 65_536,
        timeoutMs: 10_000,
        purpose: 'did',
      },
    ])
  })

  it('goes where the operator says for a configured namespace', async () => {
    const { http, resolve } = world()
    http.pages.set('http://127.0.0.1:8787/agents/1/did.json', { headers: JSON_TYPE, body: '{"a":1}' })
    expect(await resolve('did:web:registry.example.com:agents:1')).toBe('{"a":1}')
    expect(http.requests).toMatchObject([{ hostFrom: 'operator' }])
  })

  it.each(['did:web:localhost%3A8080', 'did:web:agents.example.com%3A8443', 'did:web:10.0.0.1', 'did:key:z6Mk', 'x'])(
    'is not made for %s',
    async (did) => {
      const { http, resolve } = world()
      await expect(resolve(did)).rejects.toBeInstanceOf(SourceUnavailable)
      expect(http.requests).toEqual([])
    },
  )

  it('is not made, and the reason tells a text that names no place from a place that is not asked', async () => {
    const { resolve } = world()
    await expect(resolve('did:web:10.0.0.1')).rejects.toThrow('There is no document to fetch: The did:web does not')
    await expect(resolve('did:web:agents.example.com%3A8443')).rejects.toThrow('names a host or port that is not asked')
  })
})

describe('an answer', () => {
  it.each(['application/json', 'application/did+json', 'Application/DID+LD+JSON; charset=utf-8'])(
    'of type %s is a document',
    async (type) => {
      const { resolve } = world({ headers: { 'content-type': type }, body: '{}' })
      expect(await resolve()).toBe('{}')
    },
  )

  it.each<[string, Page]>([
    ['a web page', { headers: { 'content-type': 'text/html' }, body: '{}' }],
    ['without type', { body: '{}' }],
    ['of a type like JSON', { headers: { 'content-type': 'application/jsonp' }, body: '{}' }],
    ['not UTF-8', { headers: JSON_TYPE, body: Uint8Array.of(0x7b, 0xff, 0x7d) }],
    ['too large', { headers: JSON_TYPE, body: ' '.repeat(65_537) }],
    ['a redirect', { status: 302, headers: JSON_TYPE, body: '{}' }],
    ...[201, 203, 204, 206, 304, 404, 410, 500].map((status): [string, Page] => [
      `of status ${status}`,
      { status, headers: JSON_TYPE, body: '{}' },
    ]),
  ])('that is %s is no document', async (_what, page) => {
    const { resolve } = world(page)
    await expect(resolve()).rejects.toBeInstanceOf(SourceUnavailable)
  })

  it('may have 64 KiB', async () => {
    const { resolve } = world({ headers: JSON_TYPE, body: ' '.repeat(65_536) })
    expect(await resolve()).toHaveLength(65_536)
  })
})

describe('a document', () => {
  it('is fetched again after five minutes', async () => {
    const { http, clock, resolve } = world({ headers: JSON_TYPE, body: 'one' })
    expect(await resolve()).toBe('one')
    http.pages.set(URL_OF_DID, { headers: JSON_TYPE, body: 'two' })
    clock.advance(299_999)
    expect(await resolve()).toBe('one')
    expect(http.requests).toHaveLength(1)
    clock.advance(1)
    expect(await resolve()).toBe('two')
    expect(http.requests).toHaveLength(2)
  })

  it('that cannot be had is asked for again after ten seconds', async () => {
    const { http, clock, resolve } = world({ status: 404 })
    await expect(resolve()).rejects.toThrow('answered with status 404')
    http.pages.set(URL_OF_DID, { headers: JSON_TYPE, body: 'one' })
    clock.advance(9_999)
    await expect(resolve()).rejects.toThrow('answered with status 404')
    expect(http.requests).toHaveLength(1)
    clock.advance(1)
    expect(await resolve()).toBe('one')
  })

  it('that was good once is not given out when it cannot be had any more', async () => {
    const { http, clock, resolve } = world({ headers: JSON_TYPE, body: 'one' })
    await resolve()
    clock.advance(300_000)
    http.pages.clear()
    await expect(resolve()).rejects.toBeInstanceOf(SourceUnavailable)
  })

  it('is fetched once for all who ask at one time', async () => {
    const { http, resolve } = world({ headers: JSON_TYPE, body: 'one' })
    const open = http.hold()
    const asked = [resolve(), resolve(), resolve()]
    open()
    expect(await Promise.all(asked)).toEqual(['one', 'one', 'one'])
    expect(http.requests).toHaveLength(1)
  })

  it('that is forgotten is fetched at the next question', async () => {
    const { http, documents, resolve } = world({ headers: JSON_TYPE, body: 'one' })
    await resolve()
    http.pages.set(URL_OF_DID, { headers: JSON_TYPE, body: 'two' })
    documents.forget('did:web:agents.example.com:b')
    expect(await resolve()).toBe('one')
    documents.forget(DID)
    expect(await resolve()).toBe('two')
  })

  it('that is forgotten while it is fetched is not kept, and a later one is', async () => {
    const { http, documents, resolve } = world({ headers: JSON_TYPE, body: 'one' })
    const open = http.hold()
    const first = resolve()
    documents.forget(DID)
    const second = resolve()
    open()
    await Promise.all([first, second])
    expect(http.requests).toHaveLength(2)
    await resolve()
    expect(http.requests).toHaveLength(2)
    const third = http.hold()
    documents.forget(DID)
    const late = resolve()
    documents.forget(DID)
    third()
    await late
    await resolve()
    expect(http.requests).toHaveLength(4)
  })

  it('whose fetch fails because of a fault of ours is asked for again at once', async () => {
    const { http, documents, resolve } = world({ headers: JSON_TYPE, body: 'one' })
    const send = http.send
    http.send = async () => {
      throw new RangeError('a fault')
    }
    await expect(documents.resolve(DID)).rejects.toThrow(RangeError)
    http.send = send
    expect(await resolve()).toBe('one')
  })

  it('that cannot be had counts too: of 8193 failures the first is forgotten', async () => {
    const { http, resolve } = world()
    const ask = (index: number) => resolve(`did:web:agents.example.com:${index}`).catch(() => undefined)
    for (let index = 0; index < 8192; index++) await ask(index)
    await ask(0)
    expect(http.requests).toHaveLength(8192)
    await ask(8192)
    await ask(1)
    expect(http.requests).toHaveLength(8194)
  })

  it('is one of at most so many that eight million characters hold', async () => {
    const { http, resolve } = world()
    const dids = Array.from({ length: 200 }, (_, index) => `did:web:agents.example.com:${index}`)
    for (const index of dids.keys()) {
      http.pages.set(`https://agents.example.com/${index}/did.json`, { headers: JSON_TYPE, body: ' '.repeat(65_536) })
    }
    for (const did of dids) await resolve(did)
    expect(http.requests).toHaveLength(200)
    await resolve(dids.at(-1))
    expect(http.requests).toHaveLength(200)
    await resolve(dids[0])
    expect(http.requests).toHaveLength(201)
  })
})

describe('what is kept', () => {
  it('is told without asking anybody, as long as it is not too old', async () => {
    const { http, clock, documents, resolve } = world({ headers: JSON_TYPE, body: '{}' })
    await expect(documents.kept.resolve(DID)).rejects.toThrow('is not kept, and nobody is asked')
    expect(http.requests).toEqual([])
    await resolve()
    expect(await documents.kept.resolve(DID)).toBe('{}')
    clock.advance(299_999)
    expect(await documents.kept.resolve(DID)).toBe('{}')
    clock.advance(1)
    await expect(documents.kept.resolve(DID)).rejects.toBeInstanceOf(SourceUnavailable)
    expect(http.requests).toHaveLength(1)
  })

  it('is nothing after it was forgotten, and a failure stays one', async () => {
    const { http, documents, resolve } = world({ headers: JSON_TYPE, body: '{}' })
    await resolve()
    documents.forget(DID)
    await expect(documents.kept.resolve(DID)).rejects.toThrow('is not kept')
    http.pages.delete(URL_OF_DID)
    await expect(resolve()).rejects.toBeInstanceOf(SourceUnavailable)
    await expect(documents.kept.resolve(DID)).rejects.not.toThrow('is not kept')
  })
})
