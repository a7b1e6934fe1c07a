import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DidRefused } from '../../../../core/src/domain/did/did-refused.ts'
import { parseDidWeb } from '../../../../core/src/domain/did/did-web.ts'
import { type DidWebPlaces, locateDidWeb } from '../../../../core/src/domain/did/did-web-location.ts'

const PRODUCTION: DidWebPlaces = { namespaces: new Map(), allowLocalhost: false }
const DEVELOPMENT: DidWebPlaces = { namespaces: new Map(), allowLocalhost: true }
const CONFIGURED: DidWebPlaces = {
  namespaces: new Map([
    ['https://registry.example.com', 'http://127.0.0.1:8787/dids/'],
    ['https://other.example.com:8443', 'https://other.example.com:8443'],
  ]),
  allowLocalhost: false,
}

const locate = (did: string, places: DidWebPlaces = PRODUCTION) => locateDidWeb(parseDidWeb(did), places)

describe('the document of a did:web', () => {
  it.each([
    ['did:web:example.com', 'https://example.com/.well-known/did.json'],
    ['did:web:EXAMPLE.com', 'https://example.com/.well-known/did.json'],
    ['did:web:example.com%3A443', 'https://example.com/.well-known/did.json'],
    ['did:web:example.com:a:b', 'https://example.com/a/b/did.json'],
    ['did:web:registry.capisc.io:agents:my-agent-001', 'https://registry.capisc.io/agents/my-agent-001/did.json'],
    ['did:web:example.com:caf%C3%A9:%25', 'https://example.com/caf%C3%A9/%25/did.json'],
  ])('%s is at %s', (did, url) => {
    expect(locate(did)).toEqual({ url, hostFrom: 'input' })
  })

  it.each([
    'did:web:example.com%3A8443',
    'did:web:example.com%3A80:a',
    'did:web:localhost',
    'did:web:localhost%3A8080:a',
  ])('%s is nowhere in production', (did) => {
    expect(locate(did)).toBeUndefined()
  })

  it.each([
    ['did:web:localhost%3A8080', 'http://localhost:8080/.well-known/did.json'],
    ['did:web:localhost%3A8080:agents:1', 'http://localhost:8080/agents/1/did.json'],
    ['did:web:localhost:agents:1', 'http://localhost:80/agents/1/did.json'],
  ])('%s is at %s in development', (did, url) => {
    expect(locate(did, DEVELOPMENT)).toEqual({ url, hostFrom: 'operator' })
  })

  it('is on port 443 of other hosts in development too', () => {
    expect(locate('did:web:example.com%3A8080', DEVELOPMENT)).toBeUndefined()
    expect(locate('did:web:example.com', DEVELOPMENT)).toMatchObject({ hostFrom: 'input' })
  })

  it.each([
    ['did:web:registry.example.com:agents:1', 'http://127.0.0.1:8787/dids/agents/1/did.json'],
    ['did:web:registry.example.com', 'http://127.0.0.1:8787/dids/.well-known/did.json'],
    ['did:web:Registry.Example.com%3A443:a', 'http://127.0.0.1:8787/dids/a/did.json'],
    ['did:web:other.example.com%3A8443:a', 'https://other.example.com:8443/a/did.json'],
  ])('%s of a configured namespace is at %s', (did, url) => {
    expect(locate(did, CONFIGURED)).toEqual({ url, hostFrom: 'operator' })
  })

  it.each(['did:web:x.registry.example.com:a', 'did:web:registry.example.co:a', 'did:web:other.example.com:a'])(
    '%s is in no configured namespace',
    (did) => {
      expect(locate(did, CONFIGURED)).toMatchObject({ hostFrom: 'input' })
    },
  )

  it('never leaves its host, whatever the path says', () => {
    const segment = fc.oneof(
      fc.string(),
      fc.constantFrom('..', '.', '%2e%2e', '%2F', '@', 'a%5Cb', '%23', '%3f', '%252e'),
    )
    fc.assert(
      fc.property(fc.array(segment), (segments) => {
        const did = ['did:web:example.com', ...segments].join(':')
        let url: string
        try {
          url = locate(did)?.url ?? ''
        } catch (refused) {
          expect(refused).toBeInstanceOf(DidRefused)
          return
        }
        const parsed = new URL(url)
        expect(parsed.origin).toBe('https://example.com')
        expect(parsed.pathname.split('/')).toHaveLength(did.split(':').length === 3 ? 3 : did.split(':').length - 1)
        expect([parsed.search, parsed.hash]).toEqual(['', ''])
      }),
      { numRuns: 2000 },
    )
  })
})
